#pragma once
/// \file Activation layers; the formulas stand with the functions in ops/unary.h and ops/softmax.h. Shapes:
/// [*] -> [*].

#include "dlb/nn/layer.h"

namespace dlb::nn {

/// An activation without options: `F` applied to each element.
template <Tensor (*F)(const Tensor&)>
struct Activation : Layer {
  static Fields fields() { return {}; }
  Tensor forward(Context&, const Tensor& x) override { return F(x); }
};

/// A struct of its own, because convolutions absorb it.
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
