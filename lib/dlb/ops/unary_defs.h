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

/// Which types an operator computes in; other dtypes are converted or refused.
///  - Floating: floating dtypes only. Numeric: int64 for integers too. Predicate: any dtype, to bool.
///  Logical: as bool.
enum class UnaryKind { kFloating, kNumeric, kPredicate, kLogical };

/// X(functor, kind, attributes) for each operator that is one functor of one tensor, in the order of UnaryFn.
#define DLB_UNARY_OPS(X)                 \
  X(Neg, Numeric, NoAttrs)               \
  X(Abs, Numeric, NoAttrs)               \
  X(Sign, Numeric, NoAttrs)              \
  X(Square, Numeric, NoAttrs)            \
  X(Exp, Floating, NoAttrs)              \
  X(Expm1, Floating, NoAttrs)            \
  X(Log, Floating, NoAttrs)              \
  X(Log1p, Floating, NoAttrs)            \
  X(Log2, Floating, NoAttrs)             \
  X(Log10, Floating, NoAttrs)            \
  X(Sqrt, Floating, NoAttrs)             \
  X(Rsqrt, Floating, NoAttrs)            \
  X(Reciprocal, Floating, NoAttrs)       \
  X(Sin, Floating, NoAttrs)              \
  X(Cos, Floating, NoAttrs)              \
  X(Tan, Floating, NoAttrs)              \
  X(Asin, Floating, NoAttrs)             \
  X(Acos, Floating, NoAttrs)             \
  X(Atan, Floating, NoAttrs)             \
  X(Sinh, Floating, NoAttrs)             \
  X(Cosh, Floating, NoAttrs)             \
  X(Tanh, Floating, NoAttrs)             \
  X(Erf, Floating, NoAttrs)              \
  X(Floor, Floating, NoAttrs)            \
  X(Ceil, Floating, NoAttrs)             \
  X(Round, Floating, NoAttrs)            \
  X(Trunc, Floating, NoAttrs)            \
  X(Relu, Floating, NoAttrs)             \
  X(Sigmoid, Floating, NoAttrs)          \
  X(Silu, Floating, NoAttrs)             \
  X(Gelu, Floating, GeluAttrs)           \
  X(Softplus, Floating, SoftplusAttrs)   \
  X(LeakyRelu, Floating, LeakyReluAttrs) \
  X(Elu, Floating, EluAttrs)             \
  X(Clamp, Numeric, ClampAttrs)          \
  X(PowScalar, Numeric, PowScalarAttrs)  \
  X(Affine, Numeric, AffineAttrs)        \
  X(Isnan, Predicate, NoAttrs)           \
  X(Isinf, Predicate, NoAttrs)           \
  X(Isfinite, Predicate, NoAttrs)        \
  X(LogicalNot, Logical, NoAttrs)

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
