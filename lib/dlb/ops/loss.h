#pragma once
/// \file Losses. Each returns the sum over the batch and what to divide it by, so that accumulation over
/// micro-batches can equal the large batch.

#include <string>

#include "dlb/ops/op.h"

namespace dlb {

/// `sum` is 0-d; `count` is the divisor of the mean: samples, elements, or the total of target weights (0-d,
/// no gradient).
struct LossSum {
  Tensor sum;
  Tensor count;
};
/// sum / count.
Tensor mean_loss(const LossSum& loss);

/// -sum_n w[t_n] log softmax(x_n)[t_n], with label smoothing s: (1 - s) of that + s / C sum_c -w[c] log
/// softmax(x_n)[c]; targets equal to `ignore_index` count for nothing. count = sum of w[t_n] over targets not
/// ignored (PyTorch's mean). Shapes: logits [N, C, *], target [N, *] int64, weight [C] or undefined. Errors:
/// data for a target outside [0, C).
LossSum cross_entropy(const Tensor& logits, const Tensor& target, const Tensor& weight = {},
                      int64_t ignore_index = -100, double label_smoothing = 0);
/// The same from log-probabilities.
LossSum nll_loss(const Tensor& log_probabilities, const Tensor& target, const Tensor& weight = {},
                 int64_t ignore_index = -100);
LossSum mse_loss(const Tensor& x, const Tensor& target);  ///< (x - t)^2
LossSum l1_loss(const Tensor& x, const Tensor& target);   ///< |x - t|
LossSum huber_loss(const Tensor& x, const Tensor& target,
                   double delta = 1.0);  ///< 0.5 d^2 if |d| <= delta else delta (|d| - 0.5 delta)
LossSum smooth_l1_loss(const Tensor& x, const Tensor& target, double beta = 1.0);
/// max(x, 0) - x t + log(1 + exp(-|x|)), positive targets weighted by pos_weight (broadcast, or undefined).
LossSum bce_with_logits(const Tensor& x, const Tensor& target, const Tensor& pos_weight = {});

}  // namespace dlb
