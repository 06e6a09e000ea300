#pragma once
/// \file Losses between predictions and targets of the same kind, with PyTorch's arguments: x and target
/// broadcast, dtypes promote. Each function here and in the two neighbouring headers takes a Reduction and
/// returns the loss itself; loss.h has those that return a sum and a divisor.

#include "dlb/ops/loss_reduction.h"

namespace dlb {

Tensor l1_loss(const Tensor& x, const Tensor& target, Reduction reduction,
               const Tensor& weight = {});  ///< w |x - t|; with weights the mean divides by their sum
Tensor mse_loss(const Tensor& x, const Tensor& target, Reduction reduction,
                const Tensor& weight = {});  ///< w (x - t)^2; as above
/// 0.5 d^2 / beta where |d| < beta, else |d| - 0.5 beta; d = x - t. Errors: config when beta < 0.
Tensor smooth_l1_loss(const Tensor& x, const Tensor& target, Reduction reduction, double beta = 1);
/// 0.5 d^2 where |d| <= delta, else delta (|d| - 0.5 delta), times w; the mean of weighted values is over
/// their number. Errors: config unless delta > 0.
Tensor huber_loss(const Tensor& x, const Tensor& target, Reduction reduction, double delta = 1,
                  const Tensor& weight = {});

/// KL divergence from log-probabilities: t (log t - x), or exp(t) (t - x) for a target in logarithms.
/// `batch_mean` divides the sum by the first size instead.
struct KlDivOptions {
  Reduction reduction = Reduction::kMean;
  bool batch_mean = false;
  bool log_target = false;
};
Tensor kl_div(const Tensor& x, const Tensor& target, const KlDivOptions& options = {});

/// exp(x) - t x, or x - t log(x + eps) when x is no logarithm; `full` adds Stirling's
/// t log t - t + 0.5 log(2 pi t) where t > 1.
struct PoissonNllOptions {
  bool log_input = true;
  bool full = false;
  double eps = 1e-8;
  Reduction reduction = Reduction::kMean;
};
Tensor poisson_nll_loss(const Tensor& x, const Tensor& target, const PoissonNllOptions& options = {});

/// 0.5 (log v + (x - t)^2 / v) with v = max(variance, eps), whose gradient passes through the limit; `full`
/// adds 0.5 log(2 pi). Shapes: variance as x, or without its last dimension, or with 1 there.
/// Errors: shape; data when a variance is negative.
struct GaussianNllOptions {
  bool full = false;
  double eps = 1e-6;
  Reduction reduction = Reduction::kMean;
};
Tensor gaussian_nll_loss(const Tensor& x, const Tensor& target, const Tensor& variance,
                         const GaussianNllOptions& options = {});

}  // namespace dlb
