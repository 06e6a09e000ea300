#pragma once
/// \file The operator behind interpolate.h, for backends.

#include <string>
#include <vector>

#include "dlb/ops/interpolate.h"

namespace dlb {

/// Resampling of one dimension. Its gradient is the same operator with `transposed`.
struct ResampleAttrs {
  int64_t dim = 0;
  int64_t in = 1;   ///< size of that dimension before
  int64_t out = 1;  ///< and after
  std::string mode = "nearest";
  double scale_factor = 0;  ///< 0: out / in
  bool align_corners = false;
  bool antialias = false;
  bool transposed = false;  ///< sums from `out` elements back to `in`
  static Fields fields();
};

/// What makes up each element: element i is the sum of weight[k] * x[index[k]] for k in [begin[i], begin[i +
/// 1]). All indices are inside the input.
struct ResampleTaps {
  std::vector<int64_t> begin;
  std::vector<int64_t> index;
  std::vector<double> weight;
};
ResampleTaps resample_taps(const ResampleAttrs& attrs);

namespace op {
/// x -> y with another size along dim; the layout of x is kept where it is row-major or channels-last.
const OpDef& resample();
}  // namespace op

}  // namespace dlb
