#pragma once
/// \file Learned tensors that are values themselves.

#include "dlb/nn/layer.h"

namespace dlb::nn {

/// A learned tensor as a value: a class token, positions, a temperature. It takes no input.
struct Parameter : Layer {
  std::vector<int64_t> shape;
  std::string init = "normal";
  double init_std = 0.02;
  double value = 0;
  static Fields fields();

  std::pair<int, int> inputs_allowed() const override { return {0, 0}; }
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;

 private:
  Tensor value_;
};

}  // namespace dlb::nn
