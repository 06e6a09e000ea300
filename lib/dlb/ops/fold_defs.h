#pragma once
/// \file The operators behind fold.h, for backends. All tensors are row-major.

#include <vector>

#include "dlb/ops/fold.h"

namespace dlb {

/// Two numbers each: rows and columns.
struct FoldAttrs {
  std::vector<int64_t> size;  ///< of the image
  std::vector<int64_t> kernel, dilation, padding, stride;
  static Fields fields();
};

/// Windows along rows (0) or columns (1).
int64_t fold_windows_along(const FoldAttrs& attrs, size_t dimension);

namespace op {
/// x [N, C, H, W] -> [N, C * KH * KW, L].
const OpDef& unfold_windows();
/// x [N, C * KH * KW, L] -> [N, C, H, W].
const OpDef& fold_windows();
}  // namespace op

}  // namespace dlb
