#pragma once
/// \file The operators behind unary.h, for backends.

#include <string>

#include "dlb/ops/unary.h"

namespace dlb {

struct LeakyReluAttrs {
  double negative_slope = 0.01;
  static Fields fields();
};
struct EluAttrs {
  double alpha = 1;
  static Fields fields();
};
struct SoftplusAttrs {
  double beta = 1;
  double threshold = 20;
  static Fields fields();
};
struct GeluAttrs {
  std::string approximate = "none";
  static Fields fields();
};
struct ClampAttrs {
  double min = 0;
  double max = 1;
  static Fields fields();
};
struct PowScalarAttrs {
  double exponent = 1;
  static Fields fields();
};
struct AffineAttrs {
  double a = 1;
  double b = 0;
  static Fields fields();
};
struct CastAttrs {
  std::string dtype = "float32";
  static Fields fields();
};

struct HardtanhAttrs {
  double min = -1;
  double max = 1;
  static Fields fields();
};
struct ThresholdAttrs {
  double threshold = 0;
  double value = 0;
  static Fields fields();
};
struct ShrinkAttrs {
  double lambd = 0.5;
  static Fields fields();
};
struct PolygammaAttrs {
  int64_t n = 1;
  static Fields fields();
};
struct LogitAttrs {
  double eps = -1;  ///< negative: none
  static Fields fields();
};

/// Which types an operator computes in; other dtypes are converted or refused.
///  - Floating: floating dtypes only. Real: integers and bool as float32. Numeric: int64 for integers too.
///  Integral: int64 only. Predicate: any dtype, to bool. Logical: as bool.
enum class UnaryKind { kFloating, kReal, kNumeric, kIntegral, kPredicate, kLogical };

/// X(functor, kind, attributes) for each operator that is one functor of one tensor, in the order of UnaryFn.
/// Arithmetic, rounding, predicates.
#define DLB_UNARY_BASIC(X)              \
  X(Neg, Numeric, NoAttrs)              \
  X(Abs, Numeric, NoAttrs)              \
  X(Sign, Numeric, NoAttrs)             \
  X(Square, Numeric, NoAttrs)           \
  X(Sqrt, Real, NoAttrs)                \
  X(Rsqrt, Real, NoAttrs)               \
  X(Reciprocal, Real, NoAttrs)          \
  X(Floor, Floating, NoAttrs)           \
  X(Ceil, Floating, NoAttrs)            \
  X(Round, Floating, NoAttrs)           \
  X(Trunc, Floating, NoAttrs)           \
  X(Clamp, Numeric, ClampAttrs)         \
  X(PowScalar, Numeric, PowScalarAttrs) \
  X(Affine, Numeric, AffineAttrs)       \
  X(BitwiseNot, Integral, NoAttrs)      \
  X(Isnan, Predicate, NoAttrs)          \
  X(Isinf, Predicate, NoAttrs)          \
  X(Isfinite, Predicate, NoAttrs)       \
  X(Isposinf, Predicate, NoAttrs)       \
  X(Isneginf, Predicate, NoAttrs)       \
  X(Signbit, Predicate, NoAttrs)        \
  X(LogicalNot, Logical, NoAttrs)
/// Elementary functions.
#define DLB_UNARY_MATH(X) \
  X(Exp, Real, NoAttrs)   \
  X(Exp2, Real, NoAttrs)  \
  X(Expm1, Real, NoAttrs) \
  X(Log, Real, NoAttrs)   \
  X(Log1p, Real, NoAttrs) \
  X(Log2, Real, NoAttrs)  \
  X(Log10, Real, NoAttrs) \
  X(Sin, Real, NoAttrs)   \
  X(Cos, Real, NoAttrs)   \
  X(Tan, Real, NoAttrs)   \
  X(Asin, Real, NoAttrs)  \
  X(Acos, Real, NoAttrs)  \
  X(Atan, Real, NoAttrs)  \
  X(Sinh, Real, NoAttrs)  \
  X(Cosh, Real, NoAttrs)  \
  X(Tanh, Real, NoAttrs)  \
  X(Asinh, Real, NoAttrs) \
  X(Acosh, Real, NoAttrs) \
  X(Atanh, Real, NoAttrs) \
  X(Erf, Real, NoAttrs)   \
  X(Erfc, Real, NoAttrs)  \
  X(Sigmoid, Real, NoAttrs)
/// Special functions.
#define DLB_UNARY_SPECIAL(X)         \
  X(Erfinv, Real, NoAttrs)           \
  X(Erfcx, Real, NoAttrs)            \
  X(Lgamma, Real, NoAttrs)           \
  X(Digamma, Real, NoAttrs)          \
  X(I0, Real, NoAttrs)               \
  X(I0e, Real, NoAttrs)              \
  X(I1, Real, NoAttrs)               \
  X(I1e, Real, NoAttrs)              \
  X(Ndtri, Real, NoAttrs)            \
  X(LogNdtr, Real, NoAttrs)          \
  X(Entr, Real, NoAttrs)             \
  X(Sinc, Real, NoAttrs)             \
  X(Polygamma, Real, PolygammaAttrs) \
  X(Logit, Real, LogitAttrs)
/// Activations.
#define DLB_UNARY_ACTIVATIONS(X)         \
  X(Relu, Numeric, NoAttrs)              \
  X(Silu, Floating, NoAttrs)             \
  X(Gelu, Floating, GeluAttrs)           \
  X(Softplus, Floating, SoftplusAttrs)   \
  X(LeakyRelu, Floating, LeakyReluAttrs) \
  X(Elu, Floating, EluAttrs)             \
  X(Hardtanh, Numeric, HardtanhAttrs)    \
  X(Threshold, Numeric, ThresholdAttrs)  \
  X(Hardsigmoid, Floating, NoAttrs)      \
  X(Hardswish, Floating, NoAttrs)        \
  X(Mish, Floating, NoAttrs)             \
  X(Logsigmoid, Floating, NoAttrs)       \
  X(Softshrink, Floating, ShrinkAttrs)   \
  X(Hardshrink, Floating, ShrinkAttrs)
#define DLB_UNARY_OPS(X) \
  DLB_UNARY_BASIC(X)     \
  DLB_UNARY_MATH(X)      \
  DLB_UNARY_SPECIAL(X)   \
  DLB_UNARY_ACTIVATIONS(X)

enum class UnaryFn {
#define DLB_ENUMERATOR(Name, kind, Attrs) k##Name,
  DLB_UNARY_OPS(DLB_ENUMERATOR)
#undef DLB_ENUMERATOR
      kCount
};

namespace op {
const OpDef& unary(UnaryFn fn);
const OpDef& cast();
}  // namespace op

}  // namespace dlb
