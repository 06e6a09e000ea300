#pragma once
/// \file Checks of what a metric is given.

#include <string_view>

#include "dlb/tensor/tensor.h"

namespace dlb::metrics {

/// Whether there is data to look at (false for meta tensors). Errors: shape when they differ, dtype unless
/// the prediction is floating.
bool check_equal_shapes(const Tensor& prediction, const Tensor& target, std::string_view name);

}  // namespace dlb::metrics
