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

/// The inputs folded from the left by `F`, with broadcasting; named by `F` in messages.
template <Tensor (*F)(const Tensor&, const Tensor&)>
struct Fold : Layer {
  static Fields fields() { return {}; }
  std::pair<int, int> inputs_allowed() const override { return {2, 1 << 20}; }
  Outputs run(Context& c, Inputs inputs) override;
};

/// F of two inputs.
template <Tensor (*F)(const Tensor&, const Tensor&)>
struct Pair : Layer {
  static Fields fields() { return {}; }
  std::pair<int, int> inputs_allowed() const override { return {2, 2}; }
  Outputs run(Context& c, Inputs inputs) override;
};

/// Mean of the inputs, with broadcasting.
struct Average : Layer {
  static Fields fields() { return {}; }
  std::pair<int, int> inputs_allowed() const override;
  Outputs run(Context& c, Inputs inputs) override;
};

/// The inputs along a new dimension. Shapes: all equal.
struct Stack : Layer {
  int64_t dim = 1;
  static Fields fields();
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
