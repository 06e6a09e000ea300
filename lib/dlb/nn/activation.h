#pragma once
/// \file Activation layers; the formulas stand with the functions in ops/unary.h and ops/softmax.h. Shapes:
/// [*] -> [*].

#include "dlb/nn/layer.h"

namespace dlb::nn {

struct Linear;

/// An activation without options: `F` applied to each element.
template <Tensor (*F)(const Tensor&)>
struct Activation : Layer {
  static Fields fields() { return {}; }
  Tensor forward(Context&, const Tensor& x) override { return F(x); }
};

/// A struct of its own, because convolutions and batch_norm absorb it.
struct Relu : Layer {
  static Fields fields() { return {}; }
  Tensor forward(Context& c, const Tensor& x) override;
};

struct LeakyRelu : Layer {
  double slope = 0.01;
  static Fields fields();
  Tensor forward(Context& c, const Tensor& x) override;
};

struct Elu : Layer {
  double alpha = 1;
  static Fields fields();
  Tensor forward(Context& c, const Tensor& x) override;
};

struct Celu : Layer {
  double alpha = 1;
  static Fields fields();
  Tensor forward(Context& c, const Tensor& x) override;
};

struct Gelu : Layer {
  std::string approximate = "none";
  static Fields fields();
  Tensor forward(Context& c, const Tensor& x) override;
  /// With a linear layer behind it, its output need not be kept.
  bool absorb(const Layer& next) override;

 private:
  const Linear* next_ = nullptr;  // absorbed
};

struct Softplus : Layer {
  double beta = 1;
  double threshold = 20;
  static Fields fields();
  Tensor forward(Context& c, const Tensor& x) override;
};

struct Hardtanh : Layer {
  double min = -1;
  double max = 1;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

struct Threshold : Layer {
  double threshold = 0;
  double value = 0;
  static Fields fields();
  Tensor forward(Context& c, const Tensor& x) override;
};

struct Hardshrink : Layer {
  double lambda = 0.5;
  static Fields fields();
  Tensor forward(Context& c, const Tensor& x) override;
};

struct Softshrink : Layer {
  double lambda = 0.5;
  static Fields fields();
  Tensor forward(Context& c, const Tensor& x) override;
};

/// x if x > 0 else weight x, one weight for all or for each channel. Shapes: [N, C, *]; weight [1] or [C].
struct Prelu : Layer {
  bool per_channel = false;
  double slope = 0.25;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;

 private:
  Tensor weight_;
};

/// leaky_relu with a random slope while training, its mean otherwise.
struct Rrelu : Layer {
  double lower = 1.0 / 8;
  double upper = 1.0 / 3;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// a f(b) with a and b the halves along `dim`; f is sigmoid, as in PyTorch. Shapes: `dim` is halved.
struct Glu : Layer {
  int64_t dim = -1;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// f(a) b with a and b the halves along `dim`: of f silu (SwiGLU), gelu (GEGLU) or relu (ReGLU).
/// **Source**: Shazeer, "GLU variants improve Transformer", 2020.
template <Tensor (*F)(const Tensor&)>
struct GatedActivation : Layer {
  int64_t dim = -1;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};
Tensor exact_gelu(const Tensor& x);

struct Softmin : Layer {
  int64_t dim = -1;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// softmax over the channels of each pixel. Shapes: [N, C, H, W].
struct Softmax2d : Layer {
  static Fields fields() { return {}; }
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

struct Softmax : Layer {
  int64_t dim = -1;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

struct LogSoftmax : Layer {
  int64_t dim = -1;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

}  // namespace dlb::nn
