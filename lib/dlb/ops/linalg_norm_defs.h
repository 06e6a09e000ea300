#pragma once
/// \file The operator behind vector_norm(), and the list of all of linear algebra.

#include <vector>

#include "dlb/ops/linalg_defs.h"

namespace dlb {

struct VectorNormAttrs {
  double ord = 2;
  std::vector<int64_t> dims;  ///< none of a 0-d tensor
  bool keepdim = false;
  static Fields fields();
};

namespace op {
/// x -> (sum |x|^ord)^(1 / ord) over dims.
const OpDef& vector_norm();
}  // namespace op

}  // namespace dlb
