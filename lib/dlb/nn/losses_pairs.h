#pragma once
/// \file Losses of pairs and triples of predictions; the formulas of PyTorch's stand in ops/loss_margin.h.

#include "dlb/nn/loss.h"

namespace dlb::nn {

/// One prediction; targets 1 and -1 of its shape.
struct HingeEmbedding : Loss {
  double margin = 1;
  static Fields fields();
  LossSum compute(const Tensor& prediction, const Tensor& target) const override;
};

/// Predictions a, b [N, D]; targets 1 and -1 [N].
struct CosineEmbedding : Loss {
  double margin = 0;
  static Fields fields();
  std::pair<int, int> predictions() const override { return {2, 2}; }
  LossSum evaluate(Inputs predictions, Inputs targets) const override;
};

/// Predictions a, b; targets 1 where a is to be larger and -1 where b is, all of one shape.
struct MarginRanking : Loss {
  double margin = 0;
  static Fields fields();
  std::pair<int, int> predictions() const override { return {2, 2}; }
  LossSum evaluate(Inputs predictions, Inputs targets) const override;
};

/// Predictions anchor, positive, negative [N, D]; no target.
struct TripletMargin : Loss {
  double margin = 1;
  double p = 2;
  double eps = 1e-6;
  bool swap = false;
  static Fields fields();
  std::pair<int, int> predictions() const override { return {3, 3}; }
  std::pair<int, int> targets() const override { return {0, 0}; }
  LossSum evaluate(Inputs predictions, Inputs targets) const override;
};

/// d^2 / 2 where the target is 1, max(0, margin - d)^2 / 2 where it is 0, d the distance of the predictions
/// a, b [N, D], or the one prediction [N]; targets [N]. **Source**: Hadsell et al., "Dimensionality reduction
/// by learning an invariant mapping", 2006.
struct Contrastive : Loss {
  double margin = 1;
  static Fields fields();
  std::pair<int, int> predictions() const override { return {1, 2}; }
  LossSum evaluate(Inputs predictions, Inputs targets) const override;
};

/// Cross-entropy of a_i . b_j / temperature over j, with i = j right; both ways with `symmetric`. Predictions
/// a, b [N, D]; no target. **Source**: van den Oord et al., "Contrastive predictive coding", 2018.
struct InfoNce : Loss {
  double temperature = 0.07;
  bool normalize = true;
  bool symmetric = false;
  static Fields fields();
  std::pair<int, int> predictions() const override { return {2, 2}; }
  std::pair<int, int> targets() const override { return {0, 0}; }
  LossSum evaluate(Inputs predictions, Inputs targets) const override;
};

/// As info_nce over all other 2 N - 1 vectors of a and b, a_i and b_i belonging together. **Source**: Chen et
/// al., "A simple framework for contrastive learning", ICML 2020.
struct NtXent : Loss {
  double temperature = 0.5;
  static Fields fields();
  std::pair<int, int> predictions() const override { return {2, 2}; }
  std::pair<int, int> targets() const override { return {0, 0}; }
  LossSum evaluate(Inputs predictions, Inputs targets) const override;
};

/// -log sigmoid(a - b) of scores of what was chosen (a) and what was not (b), of one shape; no target.
/// **Source**: Rendle et al., "Bayesian personalized ranking", 2009.
struct Bpr : Loss {
  static Fields fields() { return {}; }
  std::pair<int, int> predictions() const override { return {2, 2}; }
  std::pair<int, int> targets() const override { return {0, 0}; }
  LossSum evaluate(Inputs predictions, Inputs targets) const override;
};

}  // namespace dlb::nn
