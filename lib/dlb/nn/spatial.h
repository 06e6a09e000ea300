#pragma once
/// \file Options of layers with a window: one number for all spatial dimensions, or one for each.

#include <string_view>
#include <vector>

#include "dlb/tensor/shape.h"

namespace dlb::nn {

/// `values` with one entry per spatial dimension; a single entry is repeated.
/// Errors: config, "conv2d.kernel takes 1 or 2 numbers, got 3".
Dims per_dimension(const std::vector<int64_t>& values, size_t spatial, std::string_view layer,
                   std::string_view option);

/// "[N, C, L]", "[N, C, H, W]" or "[N, C, D, H, W]": what a layer over that many dimensions expects.
std::string_view spatial_form(size_t spatial);

}  // namespace dlb::nn
