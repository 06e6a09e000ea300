#pragma once
/// \file Dropout.

#include "dlb/nn/layer.h"

namespace dlb::nn {

/// While training, zeroes each element with probability p and divides the rest by 1 - p; otherwise the
/// identity. Shapes: [*] -> [*]. **Source**: Srivastava et al., "Dropout", JMLR 2014.
struct Dropout : Layer {
  double p = 0.5;
  static Fields fields();
  Tensor forward(Context& c, const Tensor& x) override;
};

/// Whole channels zeroed while training. Shapes: [N, C, *] -> same. `Spatial` demands that many dimensions
/// behind the channels; 0 takes any number.
template <int Spatial>
struct FeatureDropout : Layer {
  double p = 0.5;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// Dropout that keeps mean 0 and variance 1 behind selu; `Feature` drops whole channels of [N, C, *].
/// **Source**: Klambauer et al., "Self-normalizing neural networks", 2017.
template <bool Feature>
struct AlphaDropout : Layer {
  double p = 0.5;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// Skips a residual branch: while training, whole samples are zeroed with probability p and the rest divided
/// by 1 - p. Shapes: [N, *] -> same. **Source**: Huang et al., "Deep networks with stochastic depth", 2016.
struct DropPath : Layer {
  double p = 0.1;
  static Fields fields();
  Tensor forward(Context& c, const Tensor& x) override;
};

}  // namespace dlb::nn
