#pragma once
/// \file The search along a direction for a step that satisfies the strong Wolfe conditions.

#include <functional>

#include "dlb/tensor/tensor.h"

namespace dlb::optim {

/// A point of the search: its loss, the gradient [n] there, and the slope, gradient times direction.
struct SearchPoint {
  double step = 0;
  double loss = 0;
  double slope = 0;
  Tensor gradient;
};

/// Where, by cubic interpolation, the smallest value between two points lies; within the bounds.
double cubic_minimum(const SearchPoint& a, const SearchPoint& b, double low, double high);

/// Brackets, from the step `first`, a point for which loss <= start.loss + 1e-4 step start.slope and |slope|
/// <= 0.9 |start.slope|, then narrows the bracket down; at most `most` evaluations. Returns the best point;
/// `evaluations` counts. `direction_max` is the direction's largest magnitude: a bracket that moves no
/// parameter by `tolerance` is narrow enough. torch.optim.LBFGS's strong_wolfe.
SearchPoint strong_wolfe(const std::function<SearchPoint(double step)>& evaluate, const SearchPoint& start,
                         double first, double direction_max, double tolerance, int64_t most,
                         int64_t& evaluations);

}  // namespace dlb::optim
