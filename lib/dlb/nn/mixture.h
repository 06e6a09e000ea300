#pragma once
/// \file Mixture of experts.

#include "dlb/nn/layer.h"

namespace dlb::nn {

/// Each row goes through the `top_k` of `experts` nets that a linear router prefers, weighted by its
/// probabilities; with several chosen these are scaled to sum 1. A net is two linear layers.
///
/// The second output is the load-balancing loss E sum_e f_e P_e, 1 where all experts are used alike: f_e the
/// share of choices that fall on expert e, P_e the mean of its probabilities. Shapes: x [*, D] -> [*, out],
/// []; weights router [experts, D], w1 [experts, hidden, D], b1 [experts, hidden], w2 [experts, out, hidden],
/// b2 [experts, out]. **Source**: Fedus et al., "Switch transformers", 2022.
struct MixtureOfExperts : Layer {
  int64_t experts = 0;
  int64_t hidden = 0;
  int64_t top_k = 1;
  std::optional<int64_t> out;
  std::string activation = "gelu";
  static Fields fields();
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;

 private:
  Tensor activated(const Tensor& h) const;
  Tensor net(const Tensor& x, int64_t expert) const;
  /// From x [n, D], weights and chosen experts [n, top_k]: the result [n, out], and the share of each expert.
  std::pair<Tensor, Tensor> routed(const Tensor& x, const Tensor& weights, const Tensor& chosen) const;
  std::pair<Tensor, Tensor> dense(const Tensor& x, const Tensor& weights, const Tensor& chosen) const;
  Tensor router_, w1_, b1_, w2_, b2_;
};

}  // namespace dlb::nn
