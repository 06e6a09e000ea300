#pragma once
/// \file Layers with random numbers, and steps without a gradient of their own. The numbers follow from the
/// seed, the training step and the place in the model.

#include "dlb/nn/layer.h"

namespace dlb::nn {

/// x + std n with n normal, while training.
struct GaussianNoise : Layer {
  double std = 0.1;
  static Fields fields();
  Tensor forward(Context& c, const Tensor& x) override;
};

/// Normal numbers, one row for each of the input's. Shapes: [N, *] -> [N, *shape].
struct RandomNormal : Layer {
  std::vector<int64_t> shape;
  double mean = 0;
  double std = 1;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;

 private:
  DType dtype_ = DType::kFloat32;
};

/// Uniform numbers from low to high, one row for each of the input's. Shapes: [N, *] -> [N, *shape].
struct RandomUniform : Layer {
  std::vector<int64_t> shape;
  double low = 0;
  double high = 1;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;

 private:
  DType dtype_ = DType::kFloat32;
};

/// A sample of the normal distribution with mean mu and variance exp(logvar), differentiable in both: mu +
/// exp(logvar / 2) n; outside training mu itself unless `always`. Shapes: mu, logvar [*] -> [*].
/// **Source**: Kingma & Welling, "Auto-encoding variational Bayes", 2014.
struct Reparameterize : Layer {
  bool always = false;
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {2, 2}; }
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;
};

/// softmax((x + g) / tau) along `dim`, g Gumbel distributed; `hard`: the one-hot vector of the largest with
/// the soft values' gradient. **Source**: Jang et al., "Categorical reparameterization", 2017.
struct GumbelSoftmax : Layer {
  double tau = 1;
  bool hard = false;
  int64_t dim = -1;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// A step function whose gradient is that of the identity. **Source**: Bengio et al., "Estimating or
/// propagating gradients through stochastic neurons", 2013.
struct StraightThrough : Layer {
  std::string function = "round";
  static Fields fields();
  Tensor forward(Context& c, const Tensor& x) override;
};

/// The nearest vector of a learned codebook, with the gradient passed straight through.
///
/// Outputs: the vectors, the loss mean |sg(x) - e|^2 + beta mean |x - sg(e)|^2, the numbers of the vectors.
/// Shapes: [*, D] -> [*, D], [], int64 [*]; weight [count, D]. **Source**: van den Oord et al., "Neural
/// discrete representation learning", 2017.
struct VectorQuantize : Layer {
  int64_t count = 0;
  double beta = 0.25;
  static Fields fields();
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;

 private:
  Tensor weight_;
};

}  // namespace dlb::nn
