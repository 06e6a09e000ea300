#pragma once
/// \file Resizing of images. Each spatial dimension is resampled by itself: the mode says
/// which input elements make up an output element, and with which weights.

#include <string>

#include "dlb/ops/op.h"

namespace dlb {

enum class InterpolateMode : int64_t { kNearest, kNearestExact, kLinear, kCubic };

/// Shapes: x [N, C, *spatial] of rank 3 to 5 -> [N, C, *size]. Elements of the output lie in the input at
///  - (i + 0.5) scale - 0.5, or i (in - 1) / (out - 1) with align_corners, for linear and cubic;
///  - floor(i scale) for nearest, floor((i + 0.5) scale) for nearest-exact,
/// where scale = in / out unless it is given. Positions outside are moved to the border.
struct InterpolateOptions {
  InterpolateMode mode = InterpolateMode::kNearest;
  bool align_corners = false;
  /// When the output is smaller than the input, widen the filter of linear and cubic as Pillow does.
  bool antialias = false;
  /// Factors out / in that the positions follow, one per dimension; 0 or empty: from the sizes.
  std::vector<double> scale_factors;
};
/// Errors: shape when a size is not positive or the rank does not fit; dtype when not floating.
Tensor interpolate(const Tensor& x, const Dims& size, const InterpolateOptions& options);

}  // namespace dlb
