#pragma once
/// \file The losses; their formulas stand in ops/loss.h.

#include "dlb/nn/loss.h"

namespace dlb::nn {

/// Classification from logits. Shapes: [N, C, *] with class numbers [N, *], or with probabilities [N, C, *];
/// the classes may stand in another dimension, which goes from the target.
struct CrossEntropy : Loss {
  double label_smoothing = 0;
  std::vector<double> weight;
  int64_t ignore_index = -100;
  int64_t class_dim = 1;
  static Fields fields();
  LossSum compute(const Tensor& prediction, const Tensor& target) const override;
};

/// Classification from log-probabilities. Shapes: [N, C, *] with class numbers [N, *].
struct Nll : Loss {
  std::vector<double> weight;
  int64_t ignore_index = -100;
  static Fields fields();
  LossSum compute(const Tensor& prediction, const Tensor& target) const override;
};

/// Losses between equal shapes. Errors: shape when they differ: nothing is broadcast silently.
struct Mse : Loss {
  static Fields fields() { return {}; }
  LossSum compute(const Tensor& prediction, const Tensor& target) const override;
};
struct L1 : Loss {
  static Fields fields() { return {}; }
  LossSum compute(const Tensor& prediction, const Tensor& target) const override;
};
struct Huber : Loss {
  double delta = 1;
  static Fields fields();
  LossSum compute(const Tensor& prediction, const Tensor& target) const override;
};
struct SmoothL1 : Loss {
  double beta = 1;
  static Fields fields();
  LossSum compute(const Tensor& prediction, const Tensor& target) const override;
};
/// Binary classification from logits; `pos_weight` has one number, or one for each of the last dimension.
struct BceWithLogits : Loss {
  std::vector<double> pos_weight;
  static Fields fields();
  LossSum compute(const Tensor& prediction, const Tensor& target) const override;
};

}  // namespace dlb::nn
