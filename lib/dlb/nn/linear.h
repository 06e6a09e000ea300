#pragma once
/// \file Fully connected layers.

#include "dlb/nn/layer.h"
#include "dlb/nn/parametrization.h"
#include "dlb/ops/matmul.h"

namespace dlb::nn {

/// Fully connected layer, y = x W^T + b. Shapes: [*, in] -> [*, out]; weight [out, in], bias [out].
struct Linear : Layer {
  int64_t out = 0;
  bool bias = true;
  std::string init = "default";
  double init_std = 0.02;
  std::string bias_init = "default";
  std::string parametrization = "none";
  static Fields fields();

  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
  /// The same of gelu(x), which is not kept for the backward pass.
  Tensor forward_gelu(const Context& c, const Tensor& x) const {
    return gelu_linear(x, weight_.value(c), bias_);
  }

 private:
  Weight weight_;
  Tensor bias_;
};

}  // namespace dlb::nn
