#pragma once
/// \file The scalar functions of activations, in the manner of functors.h.

#include "dlb/ops/functors.h"

namespace dlb::functor {

template <class T>
struct Relu {
  explicit Relu(const double*) {}
  DLB_INLINE T operator()(T x) const { return x < T(0) ? T(0) : x; }  // NaN stays
};
template <class T>
struct Silu {
  explicit Silu(const double*) {}
  DLB_INLINE T operator()(T x) const {
    if constexpr (std::is_same_v<T, float>) {
      return x * float_math::sigmoid(x);
    } else {
      return x / (T(1) + std::exp(-x));
    }
  }
};
template <class T>
struct Gelu {
  explicit Gelu(const double*) {}
  DLB_INLINE T operator()(T x) const {
    if constexpr (std::is_same_v<T, float>) {
      return x * float_math::phi(x);
    } else {
      return x * (0.5 * std::erfc(x * -0.70710678118654752));
    }
  }
};
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
template <class T>
struct Hardtanh {
  explicit Hardtanh(const double* p) : low(limit<T>(p[0])), high(limit<T>(p[1])) {}
  DLB_INLINE T operator()(T x) const {
    const T y = x < low ? low : x;
    return y > high ? high : y;
  }
  T low, high;
};
template <class T>
struct Threshold {
  explicit Threshold(const double* p) : at(limit<T>(p[0])), value(limit<T>(p[1])) {}
  DLB_INLINE T operator()(T x) const { return x <= at ? value : x; }  // NaN stays
  T at, value;
};
/// min(max(x + 3, 0), 6)
template <class T>
DLB_INLINE T hard_ramp(T x) {
  const T y = x + T(3);
  const T above = y < T(0) ? T(0) : y;
  return above > T(6) ? T(6) : above;
}
template <class T>
struct Hardsigmoid {
  explicit Hardsigmoid(const double*) {}
  DLB_INLINE T operator()(T x) const { return hard_ramp(x) / T(6); }
};
template <class T>
struct Hardswish {
  explicit Hardswish(const double*) {}
  DLB_INLINE T operator()(T x) const { return x * hard_ramp(x) / T(6); }
};
/// tanh(ln(1 + e^x)) = n / (n + 2) with n = e^x (e^x + 2); past 20 it is 1.
template <class T>
struct Mish {
  explicit Mish(const double*) {}
  DLB_INLINE T operator()(T x) const {
    const T e = Exp<T>(nullptr)(x > T(20) ? T(20) : x);
    const T n = e * (e + T(2));
    return x * (n / (n + T(2)));
  }
};
template <class T>
struct Logsigmoid {
  explicit Logsigmoid(const double*) {}
  DLB_INLINE T operator()(T x) const {
    const T negative = x < T(0) ? x : T(0);
    const T distance = x < T(0) ? x : -x;
    return (x != x ? x : negative) - Log1p<T>(nullptr)(Exp<T>(nullptr)(distance));
  }
};
template <class T>
struct Softshrink {
  explicit Softshrink(const double* p) : lambda(static_cast<T>(p[0])) {}
  DLB_INLINE T operator()(T x) const {
    const T inside = x != x ? x : T(0);
    return x > lambda ? x - lambda : (x < -lambda ? x + lambda : inside);
  }
  T lambda;
};
template <class T>
struct Hardshrink {
  explicit Hardshrink(const double* p) : lambda(static_cast<T>(p[0])) {}
  DLB_INLINE T operator()(T x) const { return x >= -lambda && x <= lambda ? T(0) : x; }
  T lambda;
};

}  // namespace dlb::functor
