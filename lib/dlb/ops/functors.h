#pragma once
/// \file The scalar functions behind the elementwise operators, shared by every backend's loops.
///
/// Each is a template over the type it computes in: float (also for the 16-bit types), double, and int64
/// where integers are allowed. Parameters are read once from `const double*`. Integers wrap around.

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
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

/// As DLB_MATH_FUNCTOR, but the vectorised function holds for |x| <= kLimit only; beyond, exact() takes over.
#define DLB_PERIODIC_FUNCTOR(Name, float_expression, exact_expression) \
  template <class T>                                                   \
  struct Name {                                                        \
    static constexpr float kLimit = float_math::kPeriodicLimit;        \
    explicit Name(const double*) {}                                    \
    static T exact(T value) {                                          \
      const double x = static_cast<double>(value);                     \
      return static_cast<T>(exact_expression);                         \
    }                                                                  \
    DLB_INLINE T operator()(T x) const {                               \
      if constexpr (std::is_same_v<T, float>) {                        \
        return float_expression;                                       \
      } else {                                                         \
        return exact_expression;                                       \
      }                                                                \
    }                                                                  \
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
DLB_UNARY_FUNCTOR(Sign, x > T(0) ? T(1) : (x < T(0) ? T(-1) : T(0)))  // NaN gives 0
DLB_UNARY_FUNCTOR(Square, wrap_mul(x, x))
DLB_MATH_FUNCTOR(Exp, float_math::exp(x), std::exp(x))
DLB_MATH_FUNCTOR(Exp2, float_math::exp2(x), std::exp2(x))
DLB_MATH_FUNCTOR(Expm1, float_math::expm1(x), std::expm1(x))
DLB_MATH_FUNCTOR(Log, float_math::log(x), std::log(x))
DLB_MATH_FUNCTOR(Log1p, float_math::log1p(x), std::log1p(x))
DLB_UNARY_FUNCTOR(Log2, std::log2(x))
DLB_UNARY_FUNCTOR(Log10, std::log10(x))
DLB_UNARY_FUNCTOR(Sqrt, std::sqrt(x))
DLB_UNARY_FUNCTOR(Rsqrt, T(1) / std::sqrt(x))
DLB_UNARY_FUNCTOR(Reciprocal, T(1) / x)
DLB_PERIODIC_FUNCTOR(Sin, float_math::sin(x), std::sin(x))
DLB_PERIODIC_FUNCTOR(Cos, float_math::cos(x), std::cos(x))
DLB_PERIODIC_FUNCTOR(Tan, float_math::tan(x), std::tan(x))
DLB_UNARY_FUNCTOR(Asin, std::asin(x))
DLB_UNARY_FUNCTOR(Acos, std::acos(x))
DLB_UNARY_FUNCTOR(Atan, std::atan(x))
DLB_UNARY_FUNCTOR(Sinh, std::sinh(x))
DLB_UNARY_FUNCTOR(Cosh, std::cosh(x))
DLB_UNARY_FUNCTOR(Asinh, std::asinh(x))
DLB_UNARY_FUNCTOR(Acosh, std::acosh(x))
DLB_UNARY_FUNCTOR(Atanh, std::atanh(x))
DLB_MATH_FUNCTOR(Tanh, float_math::tanh(x), std::tanh(x))
DLB_MATH_FUNCTOR(Erf, float_math::erf(x), std::erf(x))
DLB_UNARY_FUNCTOR(Erfc, std::erfc(x))
DLB_MATH_FUNCTOR(Sigmoid, float_math::sigmoid(x), T(1) / (T(1) + std::exp(-x)))
DLB_UNARY_FUNCTOR(Floor, std::floor(x))
DLB_UNARY_FUNCTOR(Ceil, std::ceil(x))
DLB_UNARY_FUNCTOR(Round, std::nearbyint(x))
DLB_UNARY_FUNCTOR(Trunc, std::trunc(x))
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
DLB_PREDICATE(Isposinf, x == std::numeric_limits<T>::infinity())
DLB_PREDICATE(Isneginf, x == -std::numeric_limits<T>::infinity())
DLB_PREDICATE(Signbit, std::signbit(x))
DLB_PREDICATE(LogicalNot, !x)
DLB_UNARY_FUNCTOR(BitwiseNot, ~x)

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
DLB_BINARY_FUNCTOR(Fmax, T, (a >= b || b != b) ? a : b)  // a NaN loses
DLB_BINARY_FUNCTOR(Fmin, T, (a <= b || b != b) ? a : b)
DLB_BINARY_FUNCTOR(Atan2, T, std::atan2(a, b))
DLB_BINARY_FUNCTOR(Hypot, T, std::hypot(a, b))
DLB_BINARY_FUNCTOR(Copysign, T, std::copysign(a, b))
DLB_BINARY_FUNCTOR(Nextafter, T, std::nextafter(a, b))
DLB_BINARY_FUNCTOR(BitwiseAnd, T, a& b)
DLB_BINARY_FUNCTOR(BitwiseOr, T, a | b)
DLB_BINARY_FUNCTOR(BitwiseXor, T, a ^ b)
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
DLB_BINARY_FUNCTOR(ReluBackward, T, b <= T(0) ? T(0) : a)
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

/// a / b towards 0.
template <class T>
struct TruncDivide {
  DLB_INLINE T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      return b == 0 ? 0 : b == -1 ? wrap_sub(T(0), a) : a / b;
    } else {
      return std::trunc(a / b);
    }
  }
};
/// a / b downwards, as (a - remainder(a, b)) / b: the quotient may round up to a whole number that it does
/// not reach.
template <class T>
struct FloorDivide {
  DLB_INLINE T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>) {
      const T q = TruncDivide<T>()(a, b);
      return wrap_mul(q, b) != a && ((a < 0) != (b < 0)) && b != 0 ? q - 1 : q;
    } else {
      if (b == T(0)) return a / b;
      const T r = std::fmod(a, b);
      T q = (a - r) / b;
      if (r != T(0) && ((b < T(0)) != (r < T(0)))) q -= T(1);
      if (q == T(0)) return std::copysign(T(0), a / b);
      const T down = std::floor(q);
      return q - down > T(0.5) ? down + T(1) : down;
    }
  }
};
/// Shifts by less than 0 or more than the width leave nothing but, to the right, the sign.
template <class T>
struct LeftShift {
  DLB_INLINE T operator()(T a, T b) const {
    return b < 0 || b > 63 ? 0 : static_cast<T>(static_cast<uint64_t>(a) << static_cast<uint64_t>(b));
  }
};
template <class T>
struct RightShift {
  DLB_INLINE T operator()(T a, T b) const { return b < 0 || b > 63 ? (a < 0 ? -1 : 0) : a >> b; }
};
template <class T>
struct Gcd {
  DLB_INLINE T operator()(T a, T b) const {
    a = Abs<T>(nullptr)(a);
    b = Abs<T>(nullptr)(b);
    while (b != 0) {
      const T r = b == -1 ? 0 : a % b;
      a = b;
      b = r;
    }
    return a;
  }
};
template <class T>
struct Lcm {
  DLB_INLINE T operator()(T a, T b) const {
    const T g = Gcd<T>()(a, b);
    return g == 0 ? 0 : Abs<T>(nullptr)(wrap_mul(a / g, b));
  }
};

#undef DLB_UNARY_FUNCTOR
#undef DLB_MATH_FUNCTOR
#undef DLB_PERIODIC_FUNCTOR
#undef DLB_PREDICATE
#undef DLB_BINARY_FUNCTOR

}  // namespace dlb::functor
