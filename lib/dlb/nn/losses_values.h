#pragma once
/// \file Losses of predicted values and distributions; the formulas of PyTorch's stand in
/// ops/loss_regression.h. Shapes of prediction and target are equal unless noted.

#include "dlb/nn/loss.h"

namespace dlb::nn {

/// log cosh(x - t): squared near 0, linear far away.
struct LogCosh : Loss {
  static Fields fields() { return {}; }
  LossSum compute(const Tensor& prediction, const Tensor& target) const override;
};

/// max(q d, (q - 1) d) with d = t - x, least for the q-quantile.
struct Quantile : Loss {
  double q = 0.5;
  static Fields fields();
  LossSum compute(const Tensor& prediction, const Tensor& target) const override;
};

struct PoissonNll : Loss {
  bool log_input = true;
  bool full = false;
  double eps = 1e-8;
  static Fields fields();
  LossSum compute(const Tensor& prediction, const Tensor& target) const override;
};

/// Two predictions: the mean and the variance (or its logarithm).
struct GaussianNll : Loss {
  bool log_variance = false;
  bool full = false;
  double eps = 1e-6;
  static Fields fields();
  std::pair<int, int> predictions() const override { return {2, 2}; }
  LossSum evaluate(Inputs predictions, Inputs targets) const override;
};

/// From log-probabilities.
struct KlDiv : Loss {
  std::string reduction = "mean";
  bool log_target = false;
  static Fields fields();
  LossSum compute(const Tensor& prediction, const Tensor& target) const override;
};

/// KL divergence of normal distributions from N(0, 1): 0.5 sum(mu^2 + exp(logvar) - 1 - logvar) for each
/// sample. Predictions mu, logvar [N, *]; no target. **Source**: Kingma & Welling, "Auto-encoding variational
/// Bayes", 2014.
struct KlNormal : Loss {
  static Fields fields() { return {}; }
  std::pair<int, int> predictions() const override { return {2, 2}; }
  std::pair<int, int> targets() const override { return {0, 0}; }
  LossSum evaluate(Inputs predictions, Inputs targets) const override;
};

/// The prediction's mean itself; no target.
struct Value : Loss {
  static Fields fields() { return {}; }
  std::pair<int, int> targets() const override { return {0, 0}; }
  LossSum evaluate(Inputs predictions, Inputs targets) const override;
};

/// Sequences of classes without alignment. Predictions: logits [N, T, C], optionally lengths [N]; targets:
/// classes [N, S], optionally lengths [N], otherwise up to the first blank or negative number. Each loss is
/// divided by its target's length. **Source**: Graves et al., "Connectionist temporal classification", 2006.
struct Ctc : Loss {
  int64_t blank = 0;
  bool zero_infinity = false;
  static Fields fields();
  std::pair<int, int> predictions() const override { return {1, 2}; }
  std::pair<int, int> targets() const override { return {1, 2}; }
  LossSum evaluate(Inputs predictions, Inputs targets) const override;
};

}  // namespace dlb::nn
