#pragma once
/// \file The operators behind binary.h, for backends.

#include "dlb/ops/binary.h"

namespace dlb {

/// X(functor, kind) for each operator that is one functor of two tensors, in the order of BinaryFn. Kinds:
///  - Floating: integers are computed as float32. Numeric: in int64. Compare: -> bool. Logical: operands as
///  bool, -> bool.
#define DLB_BINARY_OPS(X)      \
  X(Add, Numeric)              \
  X(Sub, Numeric)              \
  X(Mul, Numeric)              \
  X(Div, Floating)             \
  X(Pow, Numeric)              \
  X(Maximum, Numeric)          \
  X(Minimum, Numeric)          \
  X(Atan2, Floating)           \
  X(Fmod, Numeric)             \
  X(Remainder, Numeric)        \
  X(Eq, Compare)               \
  X(Ne, Compare)               \
  X(Lt, Compare)               \
  X(Le, Compare)               \
  X(Gt, Compare)               \
  X(Ge, Compare)               \
  X(LogicalAnd, Logical)       \
  X(LogicalOr, Logical)        \
  X(LogicalXor, Logical)       \
  X(ReluBackward, Floating)    \
  X(SigmoidBackward, Floating) \
  X(TanhBackward, Floating)    \
  X(GeluBackward, Floating)    \
  X(SiluBackward, Floating)    \
  X(BceWithLogits, Floating)

enum class BinaryFn {
#define DLB_ENUMERATOR(Name, kind) k##Name,
  DLB_BINARY_OPS(DLB_ENUMERATOR)
#undef DLB_ENUMERATOR
      kCount
};

/// Gradients in one pass from the incoming gradient and the saved result y.
Tensor relu_backward(const Tensor& g, const Tensor& y);     ///< g where y > 0, else 0
Tensor sigmoid_backward(const Tensor& g, const Tensor& y);  ///< g * y * (1 - y)
Tensor tanh_backward(const Tensor& g, const Tensor& y);     ///< g * (1 - y^2)
/// The same from the saved argument x.
Tensor gelu_backward(const Tensor& g, const Tensor& x);  ///< g * (Phi(x) + x phi(x))
Tensor silu_backward(const Tensor& g, const Tensor& x);  ///< g * s * (1 + x (1 - s)), s = sigmoid(x)
/// max(x, 0) - x t + ln(1 + e^-|x|), by element.
Tensor bce_with_logits_elements(const Tensor& x, const Tensor& t);

namespace op {
const OpDef& binary(BinaryFn fn);
const OpDef& where();
}  // namespace op

}  // namespace dlb
