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

}  // namespace dlb::nn
