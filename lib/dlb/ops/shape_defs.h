#pragma once
/// \file The operators behind shape_ops.h, for backends. Those that only make views have no kernel.

#include <string>
#include <vector>

#include "dlb/ops/shape_ops.h"

namespace dlb {

struct ReshapeAttrs {
  std::vector<int64_t> shape;
  static Fields fields();
};
struct PermuteAttrs {
  std::vector<int64_t> dims;
  static Fields fields();
};
struct ExpandAttrs {
  std::vector<int64_t> size;
  static Fields fields();
};
struct SliceAttrs {
  int64_t dim = 0;
  int64_t start = 0;
  int64_t end = 0;
  int64_t step = 1;
  static Fields fields();
};
struct ContiguousAttrs {
  std::string memory_format = "contiguous";  ///< or channels_last
  static Fields fields();
};
struct CatAttrs {
  int64_t dim = 0;
  static Fields fields();
};
struct PadAttrs {
  std::vector<int64_t> pad;
  double value = 0;
  static Fields fields();
};
struct FlipAttrs {
  std::vector<int64_t> dims;
  static Fields fields();
};
struct SliceScatterAttrs {
  std::vector<int64_t> shape;
  int64_t dim = 0;
  int64_t start = 0;
  int64_t step = 1;
  static Fields fields();
};

namespace op {
const OpDef& reshape();
const OpDef& permute();
const OpDef& expand();
const OpDef& slice();
const OpDef& contiguous();
const OpDef& cat();
const OpDef& pad();
const OpDef& flip();
const OpDef& slice_scatter();
}  // namespace op

}  // namespace dlb
