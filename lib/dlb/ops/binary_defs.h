#pragma once
/// \file The operators behind binary.h, for backends.

#include "dlb/ops/binary.h"

namespace dlb {

/// Types that an operator computes in. Floating: integers are computed as float32. Numeric: in int64.
/// Integral: only those. Compare: as Numeric, -> bool. Logical: operands as bool, -> bool.
enum class BinaryKind { kFloating, kNumeric, kIntegral, kCompare, kLogical };

/// X(functor, kind) for each operator that is one functor of two tensors, in the order of BinaryFn.
#define DLB_BINARY_BASIC(X)    \
  X(Add, Numeric)              \
  X(Sub, Numeric)              \
  X(Mul, Numeric)              \
  X(Div, Floating)             \
  X(Pow, Numeric)              \
  X(Maximum, Numeric)          \
  X(Minimum, Numeric)          \
  X(Fmax, Numeric)             \
  X(Fmin, Numeric)             \
  X(Atan2, Floating)           \
  X(Hypot, Floating)           \
  X(Copysign, Floating)        \
  X(Nextafter, Floating)       \
  X(Fmod, Numeric)             \
  X(Remainder, Numeric)        \
  X(TruncDivide, Numeric)      \
  X(FloorDivide, Numeric)      \
  X(BitwiseAnd, Integral)      \
  X(BitwiseOr, Integral)       \
  X(BitwiseXor, Integral)      \
  X(LeftShift, Integral)       \
  X(RightShift, Integral)      \
  X(Gcd, Integral)             \
  X(Lcm, Integral)             \
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
#define DLB_BINARY_SPECIAL(X) \
  X(Logaddexp, Floating)      \
  X(Logaddexp2, Floating)     \
  X(Xlogy, Floating)          \
  X(Xlog1py, Floating)        \
  X(Igamma, Floating)         \
  X(Igammac, Floating)        \
  X(Zeta, Floating)
#define DLB_BINARY_OPS(X) \
  DLB_BINARY_BASIC(X)     \
  DLB_BINARY_SPECIAL(X)

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
