#pragma once
/// \file Layers that compare or combine two vectors.

#include "dlb/nn/layer.h"

namespace dlb::nn {

/// Dot products of all pairs of vectors of each sample, as in DLRM: the lower triangle row by row. Inputs are
/// joined along dimension 1. Shapes: any number of [N, K, D] or [N, D] -> [N, n (n - 1) / 2], n the number of
/// vectors. **Source**: Naumov et al., "Deep learning recommendation model", 2019.
struct DotInteraction : Layer {
  bool self = false;
  static Fields fields();
  std::pair<int, int> inputs_allowed() const override;
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;

 private:
  int64_t count_ = 0;
};

/// y_o = a W_o b + bias_o. Shapes: a [*, I], b [*, J] -> [*, out]; weight [out, I, J].
struct Bilinear : Layer {
  int64_t out = 0;
  bool bias = true;
  static Fields fields();
  std::pair<int, int> inputs_allowed() const override { return {2, 2}; }
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;

 private:
  Tensor weight_, bias_;
};

/// Cosine of the angle between two vectors along `dim`. Shapes: a, b [*] -> without `dim`.
struct CosineSimilarity : Layer {
  int64_t dim = 1;
  double eps = 1e-8;
  static Fields fields();
  std::pair<int, int> inputs_allowed() const override { return {2, 2}; }
  Outputs run(Context& c, Inputs inputs) override;
};

/// |a - b + eps|_p along the last dimension. Shapes: a, b [*, D] -> [*].
struct PairwiseDistance : Layer {
  double p = 2;
  double eps = 1e-6;
  bool keepdim = false;
  static Fields fields();
  std::pair<int, int> inputs_allowed() const override { return {2, 2}; }
  Outputs run(Context& c, Inputs inputs) override;
};

/// Sum of products along the last dimension. Shapes: a, b [*, D] -> [*].
struct DotProduct : Layer {
  static Fields fields() { return {}; }
  std::pair<int, int> inputs_allowed() const override { return {2, 2}; }
  Outputs run(Context& c, Inputs inputs) override;
};

/// x / max(|x|_p, eps) along `dim`.
struct L2Normalize : Layer {
  int64_t dim = -1;
  double p = 2;
  double eps = 1e-12;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

}  // namespace dlb::nn
