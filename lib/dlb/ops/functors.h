#pragma once
/// \file The scalar functions behind the elementwise operators, shared by every backend's loops.
///
/// Each is a template over the type it computes in: float (also for the 16-bit types), double, and int64
/// where integers are allowed. Parameters are read once from `const double*`. Integers wrap around.

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "dlb/ops/float_math.h"

namespace dlb::functor {

#define DLB_UNARY_FUNCTOR(Name, expression)                   \
  template <class T>                                          \
  struct Name {                                               \
    explicit Name(const double*) {}                           \
    DLB_INLINE T operator()(T x) const { return expression; } \
  };
/// Vectorised in float, the standard library's function in double.
#define DLB_MATH_FUNCTOR(Name, float_expression, double_expression) \
  template <class T>                                                \
  struct Name {                                                     \
    explicit Name(const double*) {}                                 \
    DLB_INLINE T operator()(T x) const {                            \
      if constexpr (std::is_same_v<T, float>) {                     \
        return float_expression;                                    \
      } else {                                                      \
        return double_expression;                                   \
      }                                                             \
    }                                                               \
  };

template <class T>
DLB_INLINE T wrap_add(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  } else {
    return a + b;
  }
}
template <class T>
DLB_INLINE T wrap_sub(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
  } else {
    return a - b;
  }
}
template <class T>
DLB_INLINE T wrap_mul(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
  } else {
    return a * b;
  }
}
/// base^exponent; a negative exponent gives the integer part of the true value.
inline int64_t integer_power(int64_t base, int64_t exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent % 2 != 0 ? -1 : 1) : 0;
  int64_t result = 1;
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = wrap_mul(result, base);
    base = wrap_mul(base, base);
  }
  return result;
}

template <class T>
struct Neg {
  explicit Neg(const double*) {}
  DLB_INLINE T operator()(T x) const {
    if constexpr (std::is_integral_v<T>) {
      return wrap_sub(T(0), x);
    } else {
      return -x;  // not 0 - x: the sign of zero flips
    }
  }
};
DLB_UNARY_FUNCTOR(Abs, x < T(0) ? wrap_sub(T(0), x) : (x == T(0) ? T(0) : x))
DLB_UNARY_FUNCTOR(Sign, x > T(0) ? T(1) : (x < T(0) ? T(-1) : (x == x ? T(0) : x)))
DLB_UNARY_FUNCTOR(Square, wrap_mul(x, x))
DLB_MATH_FUNCTOR(Exp, float_math::exp(x), std::exp(x))
DLB_MATH_FUNCTOR(Expm1, float_math::expm1(x), std::expm1(x))
DLB_MATH_FUNCTOR(Log, float_math::log(x), std::log(x))
DLB_MATH_FUNCTOR(Log1p, float_math::log1p(x), std::log1p(x))
DLB_UNARY_FUNCTOR(Log2, std::log2(x))
DLB_UNARY_FUNCTOR(Log10, std::log10(x))
DLB_UNARY_FUNCTOR(Sqrt, std::sqrt(x))
DLB_UNARY_FUNCTOR(Rsqrt, T(1) / std::sqrt(x))
DLB_UNARY_FUNCTOR(Reciprocal, T(1) / x)
DLB_UNARY_FUNCTOR(Sin, std::sin(x))
DLB_UNARY_FUNCTOR(Cos, std::cos(x))
DLB_UNARY_FUNCTOR(Tan, std::tan(x))
DLB_UNARY_FUNCTOR(Asin, std::asin(x))
DLB_UNARY_FUNCTOR(Acos, std::acos(x))
DLB_UNARY_FUNCTOR(Atan, std::atan(x))
DLB_UNARY_FUNCTOR(Sinh, std::sinh(x))
DLB_UNARY_FUNCTOR(Cosh, std::cosh(x))
DLB_MATH_FUNCTOR(Tanh, float_math::tanh(x), std::tanh(x))
DLB_MATH_FUNCTOR(Erf, float_math::erf(x), std::erf(x))
DLB_UNARY_FUNCTOR(Floor, std::floor(x))
DLB_UNARY_FUNCTOR(Ceil, std::ceil(x))
DLB_UNARY_FUNCTOR(Round, std::nearbyint(x))
DLB_UNARY_FUNCTOR(Trunc, std::trunc(x))
DLB_UNARY_FUNCTOR(Relu, x < T(0) ? T(0) : x)  // NaN stays
DLB_MATH_FUNCTOR(Sigmoid, float_math::sigmoid(x), T(1) / (T(1) + std::exp(-x)))
DLB_MATH_FUNCTOR(Silu, x* float_math::sigmoid(x), x / (T(1) + std::exp(-x)))
DLB_MATH_FUNCTOR(Gelu, x* float_math::phi(x), x*(0.5 * std::erfc(x * -0.70710678118654752)))

/// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
template <class T>
struct GeluTanh {
  explicit GeluTanh(const double*) {}
  DLB_INLINE T operator()(T x) const {
    const T u = T(0.79788456080286536) * (x + T(0.044715) * (x * x * x));
    return T(0.5) * x * (T(1) + Tanh<T>(nullptr)(u));
  }
};
template <class T>
struct Softplus {
  explicit Softplus(const double* p) : beta(static_cast<T>(p[0])), threshold(static_cast<T>(p[1])) {}
  DLB_INLINE T operator()(T x) const {
    const T b = beta * x;
    T y;
    if constexpr (std::is_same_v<T, float>) {
      y = float_math::softplus(b);
    } else {
      y = (b < T(0) ? T(0) : b) + std::log1p(std::exp(-std::abs(b)));
    }
    return b > threshold ? x : y / beta;
  }
  T beta, threshold;
};
template <class T>
struct LeakyRelu {
  explicit LeakyRelu(const double* p) : slope(static_cast<T>(p[0])) {}
  DLB_INLINE T operator()(T x) const { return x > T(0) ? x : slope * x; }
  T slope;
};
template <class T>
struct Elu {
  explicit Elu(const double* p) : alpha(static_cast<T>(p[0])) {}
  DLB_INLINE T operator()(T x) const { return x > T(0) ? x : alpha * Expm1<T>(nullptr)(x > T(0) ? T(0) : x); }
  T alpha;
};
/// A parameter of an integer functor, which may be infinite.
template <class T>
T limit(double p) {
  if constexpr (std::is_integral_v<T>) {
    return p >= 0x1p63 ? INT64_MAX : p <= -0x1p63 ? INT64_MIN : static_cast<T>(p);
  } else {
    return static_cast<T>(p);
  }
}
template <class T>
struct Clamp {
  explicit Clamp(const double* p) : low(limit<T>(p[0])), high(limit<T>(p[1])) {}
  DLB_INLINE T operator()(T x) const {
    const T y = x < low ? low : x;
    return y > high ? high : y;
  }
  T low, high;
};
template <class T>
struct PowScalar {
  explicit PowScalar(const double* p) : exponent(limit<T>(p[0])) {}
  DLB_INLINE T operator()(T x) const {
    if constexpr (std::is_integral_v<T>) {
      return integer_power(x, exponent);
    } else {
      return std::pow(x, exponent);
    }
  }
  T exponent;
};
template <class T>
struct Affine {
  explicit Affine(const double* p) : a(limit<T>(p[0])), b(limit<T>(p[1])) {}
  DLB_INLINE T operator()(T x) const { return wrap_add(wrap_mul(a, x), b); }
  T a, b;
};

/// Predicates: T -> bool.
#define DLB_PREDICATE(Name, expression)                          \
  template <class T>                                             \
  struct Name {                                                  \
    explicit Name(const double*) {}                              \
    DLB_INLINE bool operator()(T x) const { return expression; } \
  };
DLB_PREDICATE(Isnan, x != x)
DLB_PREDICATE(Isinf, x - x != x - x && x == x)
DLB_PREDICATE(Isfinite, x - x == x - x)
DLB_PREDICATE(LogicalNot, !x)

#define DLB_BINARY_FUNCTOR(Name, Result, expression)                    \
  template <class T>                                                    \
  struct Name {                                                         \
    DLB_INLINE Result operator()(T a, T b) const { return expression; } \
  };
DLB_BINARY_FUNCTOR(Add, T, wrap_add(a, b))
DLB_BINARY_FUNCTOR(Sub, T, wrap_sub(a, b))
DLB_BINARY_FUNCTOR(Mul, T, wrap_mul(a, b))
DLB_BINARY_FUNCTOR(Div, T, a / b)
DLB_BINARY_FUNCTOR(Maximum, T, (a > b || a != a) ? a : b)
DLB_BINARY_FUNCTOR(Minimum, T, (a < b || a != a) ? a : b)
DLB_BINARY_FUNCTOR(Atan2, T, std::atan2(a, b))
DLB_BINARY_FUNCTOR(Eq, bool, a == b)
DLB_BINARY_FUNCTOR(Ne, bool, a != b)
DLB_BINARY_FUNCTOR(Lt, bool, a < b)
DLB_BINARY_FUNCTOR(Le, bool, a <= b)
DLB_BINARY_FUNCTOR(Gt, bool, a > b)
DLB_BINARY_FUNCTOR(Ge, bool, a >= b)
DLB_BINARY_FUNCTOR(LogicalAnd, bool, a&& b)
DLB_BINARY_FUNCTOR(LogicalOr, bool, a || b)
DLB_BINARY_FUNCTOR(LogicalXor, bool, a != b)
/// Gradients from the incoming gradient `a` and the saved result `b`.
DLB_BINARY_FUNCTOR(ReluBackward, T, b > T(0) ? a : T(0))
DLB_BINARY_FUNCTOR(SigmoidBackward, T, a*(b*(T(1) - b)))
DLB_BINARY_FUNCTOR(TanhBackward, T, a*(T(1) - b * b))

/// Gradients from the incoming gradient `a` and the saved argument `b`.
template <class T>
struct GeluBackward {
  DLB_INLINE T operator()(T a, T b) const {
    if constexpr (std::is_same_v<T, float>) {
      return a * float_math::fma(b, float_math::normal_density(b), float_math::phi(b));
    } else {
      return a *
             (0.5 * std::erfc(b * -0.70710678118654752) + b * (0.39894228040143268 * std::exp(-0.5 * b * b)));
    }
  }
};
template <class T>
struct SiluBackward {
  DLB_INLINE T operator()(T a, T b) const {
    const T s = Sigmoid<T>(nullptr)(b);
    return a * (s * (T(1) + b * (T(1) - s)));
  }
};
/// The loss of the logit `a` for the target `b`: no term cancels another.
template <class T>
struct BceWithLogits {
  DLB_INLINE T operator()(T a, T b) const {
    const T positive = a < T(0) ? T(0) : a;
    if constexpr (std::is_same_v<T, float>) {
      return (positive - a * b) + float_math::log1p(float_math::exp_negative(-float_math::abs(a)));
    } else {
      return (positive - a * b) + std::log1p(std::exp(-std::abs(a)));
    }
  }
};

template <class T>
struct Pow {
  DLB_INLINE T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      return integer_power(a, b);
    } else {
      return std::pow(a, b);
    }
  }
};
template <class T>
struct Fmod {
  DLB_INLINE T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      return b == -1 || b == 0 ? 0 : a % b;
    } else {
      return std::fmod(a, b);
    }
  }
};
template <class T>
struct Remainder {
  DLB_INLINE T operator()(T a, T b) const {
    const T r = Fmod<T>()(a, b);
    return r != T(0) && ((r < T(0)) != (b < T(0))) ? r + b : r;
  }
};

#undef DLB_UNARY_FUNCTOR
#undef DLB_MATH_FUNCTOR
#undef DLB_PREDICATE
#undef DLB_BINARY_FUNCTOR

}  // namespace dlb::functor
