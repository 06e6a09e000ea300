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

struct SplitAttrs {
  std::vector<int64_t> sizes;
  int64_t dim = 0;
  static Fields fields();
};
struct DiagonalAttrs {
  int64_t offset = 0;
  int64_t dim1 = 0;
  int64_t dim2 = 1;
  static Fields fields();
};
struct UnfoldDimAttrs {
  int64_t dim = 0;
  int64_t size = 1;
  int64_t step = 1;
  static Fields fields();
};
struct AsStridedAttrs {
  std::vector<int64_t> size;
  std::vector<int64_t> stride;
  int64_t offset = 0;  ///< from the first element of the input
  static Fields fields();
};
struct StridedSumAttrs {
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
  int64_t offset = 0;
  static Fields fields();
};

inline Dims dims_of(const std::vector<int64_t>& v) { return {v.begin(), v.end()}; }
inline std::vector<int64_t> list_of(const Dims& dims) { return {dims.begin(), dims.end()}; }

namespace op {
const OpDef& split();
const OpDef& diagonal();
const OpDef& unfold_dim();
const OpDef& as_strided();
const OpDef& strided_sum();
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
