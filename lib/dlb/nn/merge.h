#pragma once
/// \file Layers that join several inputs into one.

#include "dlb/nn/layer.h"

namespace dlb::nn {

/// Sum of the inputs, with broadcasting.
struct Add : Layer {
  static Fields fields() { return {}; }
  std::pair<int, int> inputs_allowed() const override;
  Outputs run(Context& c, Inputs inputs) override;
};

/// Product of the inputs, with broadcasting.
struct Mul : Layer {
  static Fields fields() { return {}; }
  std::pair<int, int> inputs_allowed() const override;
  Outputs run(Context& c, Inputs inputs) override;
};

/// The inputs one after the other along `dim`. Shapes: equal but for `dim`.
struct Concat : Layer {
  int64_t dim = 1;
  static Fields fields();
  std::pair<int, int> inputs_allowed() const override;
  Outputs run(Context& c, Inputs inputs) override;
};

}  // namespace dlb::nn
