#pragma once
/// \file Sampling of images at points, as in spatial transformers.

#include "dlb/ops/op.h"

namespace dlb {

enum class SampleMode : int64_t { kBilinear, kNearest, kBicubic };
/// What lies outside the image: zeros, the nearest border element, or its mirror image.
enum class SamplePadding : int64_t { kZeros, kBorder, kReflection };

/// y[n, c, p] = x[n, c] interpolated at grid[n, p], whose last dimension holds (x, y) or (x, y, z) with -1
/// and 1 at the outer edges of the image, or at the centres of its outermost elements with align_corners. NaN
/// counts as -1.
/// Shapes: x [N, C, H, W] or [N, C, D, H, W], grid [N, *out, 2 or 3] -> [N, C, *out]. Gradients
/// of the first order. Errors: shape; dtype when they differ or are not floating.
Tensor grid_sample(const Tensor& x, const Tensor& grid, SampleMode mode = SampleMode::kBilinear,
                   SamplePadding padding = SamplePadding::kZeros, bool align_corners = false);

/// The grid of an affine map: grid[n, p] = theta[n] (p, 1) for the positions p of an image of that size.
/// Shapes: theta [N, 2, 3] and size [N, C, H, W] -> [N, H, W, 2]; [N, 3, 4] and [N, C, D, H, W] -> [N, D, H,
/// W, 3].
Tensor affine_grid(const Tensor& theta, const Dims& size, bool align_corners = false);

}  // namespace dlb
