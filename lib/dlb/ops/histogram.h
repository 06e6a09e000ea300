#pragma once
/// \file Counting elements: histograms and occurrences. None has a gradient.

#include <optional>
#include <utility>

#include "dlb/ops/op.h"

namespace dlb {

/// How many elements lie in each of `bins` bins of equal width from min to max, the last one closed. Elements
/// outside are not counted. min = max = 0: from the smallest element to the largest; equal limits are moved
/// apart by 1 each. Shapes: x [*] -> [bins] of x's dtype. Errors: data for limits that are not finite.
Tensor histc(const Tensor& x, int64_t bins = 100, double min = 0, double max = 0);

/// Counts, or sums of weights (x's shape; may be undefined), between rising edges [bins + 1]; the last bin is
/// closed. `density` divides by their sum and the bins' widths. Returns counts and edges.
std::pair<Tensor, Tensor> histogram(const Tensor& x, const Tensor& edges, const Tensor& weight = {},
                                    bool density = false);
/// Bins of equal width over `range`, or from the smallest element to the largest.
std::pair<Tensor, Tensor> histogram(const Tensor& x, int64_t bins,
                                    std::optional<std::pair<double, double>> range = std::nullopt,
                                    const Tensor& weight = {}, bool density = false);

/// How often each whole number 0, 1, ... occurs, or the sum of its weights. Shapes: x [n], weights [n] or
/// undefined -> [max(max(x) + 1, minlength)], int64; float32 or float64 with weights. Errors: data for
/// negative numbers.
Tensor bincount(const Tensor& x, const Tensor& weights = {}, int64_t minlength = 0);

}  // namespace dlb
