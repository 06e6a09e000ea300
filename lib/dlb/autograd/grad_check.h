#pragma once
/// \file Gradients against finite differences.

#include <functional>
#include <string>
#include <vector>

#include "dlb/tensor/tensor.h"

namespace dlb {

using TensorFunction = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

struct GradCheckOptions {
  double eps = 1e-6;
  double rtol = 1e-5;
  double atol = 1e-7;
  bool second_order = true;  ///< also check the gradient of the gradient
};

/// Compares the gradients of f at the float64 `inputs` (those that require a gradient) with central
/// differences (f(x + eps) - f(x - eps)) / (2 eps), each output weighted by fixed pseudo-random numbers.
/// Returns "" when they agree, else what differs: input, element, both values.
std::string grad_check(const TensorFunction& f, const std::vector<Tensor>& inputs,
                       const GradCheckOptions& options = {});

}  // namespace dlb
