#pragma once
/// \file Weights that are computed from their parameters before each use.

#include "dlb/nn/layer.h"

namespace dlb::nn {

/// A weight by one of three rules:
///  - none: the parameter "weight" itself;
///  - weight_norm: weight_g v / |v| with a length for each output of its own, "weight_g" [out, 1, ...], and
///  the
///    direction "weight_v"; at first weight_g is |v|;
///  - spectral_norm: "weight" over its largest singular value, as a matrix [out, rest], which power iteration
///    estimates, one step for each training pass ("weight_u" [out], "weight_v" [rest], no parameters).
/// **Source**: Salimans & Kingma, "Weight normalization", 2016; Miyato et al., "Spectral normalization for
/// generative adversarial networks", 2018.
class Weight {
 public:
  /// What the field `parametrization` of a layer may be.
  static Constraint choices();
  void declare(Build& b, const std::string& rule, const Shape& shape, Init init);
  /// The weight of this pass.
  Tensor value(const Context& c) const;

 private:
  Tensor weight_;
  Tensor length_;  ///< weight_norm
  Tensor u_, v_;   ///< spectral_norm
};

}  // namespace dlb::nn
