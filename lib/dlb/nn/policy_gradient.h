#pragma once
/// \file The loss of reinforcement learning with rollouts of the policy itself.

#include "dlb/nn/loss.h"

namespace dlb::nn {

/// mean over steps t of -log p(a_t) A_t - entropy H(p_t) + value (V_t - G_t)^2, where p = softmax(scores), H
/// is its entropy, G the return, and the advantage A = G - V without a gradient, or G where the model has no
/// value output; with `normalize`, A is brought to mean 0 and standard deviation 1 in each batch. Shapes:
/// scores [N, actions] and optionally value [N] or [N, 1]; targets action [N], return [N].
///
/// **Source**: Williams: Simple statistical gradient-following algorithms (REINFORCE), 1992; with a value
/// output, the synchronous form of Mnih et al. (A3C), 2016.
struct PolicyGradient final : Loss {
  double entropy = 0;
  double value = 0.5;
  bool normalize = true;
  static Fields fields();
  LossSum evaluate(Inputs predictions, Inputs targets) const override;
  std::pair<int, int> predictions() const override { return {1, 2}; }
  std::pair<int, int> targets() const override { return {2, 2}; }
};

}  // namespace dlb::nn
