#pragma once
/// \file Losses of classifiers; the formulas of PyTorch's stand in ops/loss_class.h.

#include "dlb/nn/loss.h"

namespace dlb::nn {

/// Binary classes from probabilities. Shapes: equal.
struct Bce : Loss {
  static Fields fields() { return {}; }
  LossSum compute(const Tensor& prediction, const Tensor& target) const override;
};

/// max(0, margin - t x)^p; targets 1 and -1, where 0 counts as -1. Shapes: equal.
struct Hinge : Loss {
  double margin = 1;
  double p = 1;
  static Fields fields();
  LossSum compute(const Tensor& prediction, const Tensor& target) const override;
};

/// Targets 1 and -1. Shapes: equal.
struct SoftMargin : Loss {
  static Fields fields() { return {}; }
  LossSum compute(const Tensor& prediction, const Tensor& target) const override;
};

/// Shapes: [N, C] with class numbers [N].
struct MultiMargin : Loss {
  double margin = 1;
  int64_t p = 1;
  std::vector<double> weight;
  static Fields fields();
  LossSum compute(const Tensor& prediction, const Tensor& target) const override;
};

/// Shapes: [N, C] with class numbers [N, C], ended by -1.
struct MultilabelMargin : Loss {
  static Fields fields() { return {}; }
  LossSum compute(const Tensor& prediction, const Tensor& target) const override;
};

/// Shapes: [N, C] with 0 and 1 [N, C].
struct MultilabelSoftMargin : Loss {
  std::vector<double> weight;
  static Fields fields();
  LossSum compute(const Tensor& prediction, const Tensor& target) const override;
};

/// -(1 - p_t)^gamma log p_t with p_t the probability of what is right: of classes [N, C, *] by numbers [N,
/// *], or of binary logits by targets 0 to 1 of the same shape, there weighted by alpha (1 - alpha for 0).
/// **Source**: Lin et al., "Focal loss for dense object detection", ICCV 2017.
struct Focal : Loss {
  double gamma = 2;
  std::optional<double> alpha;
  int64_t ignore_index = -100;
  static Fields fields();
  LossSum compute(const Tensor& prediction, const Tensor& target) const override;
};

/// 1 - (tp + s) / (tp + alpha fp + beta fn + s) of soft counts over each sample (and class): of classes [N,
/// C,
/// *] by numbers [N, *], or of binary logits by targets 0 to 1 of the same shape.
/// **Source**: Salehi et al., "Tversky loss function for image segmentation", 2017.
struct Tversky : Loss {
  double alpha = 0.5;
  double beta = 0.5;
  double smooth = 1;
  static Fields fields();
  LossSum compute(const Tensor& prediction, const Tensor& target) const override;
};

/// 1 - (2 tp + s) / (2 tp + fp + fn + s): as Tversky. **Source**: Milletari et al., "V-Net", 2016.
struct Dice : Loss {
  double smooth = 1;
  static Fields fields();
  LossSum compute(const Tensor& prediction, const Tensor& target) const override;
};

}  // namespace dlb::nn
