#pragma once
/// \file What inference fuses behind a product: a residual that is added, then an elementwise function.

#include <optional>
#include <string_view>

#include "dlb/ops/op.h"

namespace dlb {

enum class Activation : uint8_t {
  kNone,
  kRelu,
  kLeakyRelu,  ///< slope `low` where x < 0
  kClip,       ///< min(max(x, low), high)
  kSigmoid,
  kTanh,
  kSilu,
  kHardswish,
  kGelu,      ///< by erf
  kGeluTanh,  ///< by tanh
};

/// f(y + residual), the residual being optional and of y's shape.
struct Epilogue {
  Activation activation = Activation::kNone;
  double low = 0;
  double high = 0;
};

/// "relu", "clip", ...; none for a name that there is not.
std::string_view activation_name(Activation a);
std::optional<Activation> find_activation(std::string_view name);

/// f(y + residual) by the operators of its parts; the residual may be undefined, and may broadcast to y.
Tensor apply_epilogue(Tensor y, const Tensor& residual, const Epilogue& e);

/// The residual, input 3 of a fused operator, is undefined or like output 0. Errors: dtype, shape.
void check_residual(Infer& c);

}  // namespace dlb
