#pragma once
/// \file The special functions of special_math.h in the manner of functors.h. All are computed in float64.

#include "dlb/ops/functors.h"
#include "dlb/ops/special_math.h"

namespace dlb::functor {

#define DLB_SPECIAL_FUNCTOR(Name, function)                                                            \
  template <class T>                                                                                   \
  struct Name {                                                                                        \
    explicit Name(const double*) {}                                                                    \
    T operator()(T x) const { return static_cast<T>(special_math::function(static_cast<double>(x))); } \
  };
DLB_SPECIAL_FUNCTOR(Erfinv, erfinv)
DLB_SPECIAL_FUNCTOR(Erfcx, erfcx)
DLB_SPECIAL_FUNCTOR(Lgamma, lgamma)
DLB_SPECIAL_FUNCTOR(Digamma, digamma)
DLB_SPECIAL_FUNCTOR(I0, i0)
DLB_SPECIAL_FUNCTOR(I0e, i0e)
DLB_SPECIAL_FUNCTOR(I1, i1)
DLB_SPECIAL_FUNCTOR(I1e, i1e)
DLB_SPECIAL_FUNCTOR(Ndtri, ndtri)
DLB_SPECIAL_FUNCTOR(LogNdtr, log_ndtr)
#undef DLB_SPECIAL_FUNCTOR

/// -x ln x
template <class T>
struct Entr {
  explicit Entr(const double*) {}
  DLB_INLINE T operator()(T x) const {
    const T y = -x * Log<T>(nullptr)(x);
    return x == T(0) ? T(0) : (x < T(0) ? -std::numeric_limits<T>::infinity() : y);
  }
};
/// sin(pi x) / (pi x)
template <class T>
struct Sinc {
  explicit Sinc(const double*) {}
  T operator()(T x) const {
    const double u = 3.14159265358979323846 * static_cast<double>(x);
    return u == 0 ? T(1) : static_cast<T>(std::sin(u) / u);
  }
};
template <class T>
struct Polygamma {
  explicit Polygamma(const double* p) : n(static_cast<int>(p[0])) {}
  T operator()(T x) const { return static_cast<T>(special_math::polygamma(n, static_cast<double>(x))); }
  int n;
};
/// ln(z / (1 - z)), z the number x or, with eps >= 0, x limited to [eps, 1 - eps].
template <class T>
struct Logit {
  explicit Logit(const double* p)
      : low(p[0] < 0 ? -std::numeric_limits<T>::infinity() : static_cast<T>(p[0])),
        high(p[0] < 0 ? std::numeric_limits<T>::infinity() : static_cast<T>(1 - p[0])) {}
  DLB_INLINE T operator()(T x) const {
    const T z = x < low ? low : (x > high ? high : x);
    return Log<T>(nullptr)(z / (T(1) - z));
  }
  T low, high;
};

#define DLB_SPECIAL_FUNCTOR(Name, function)                                                          \
  template <class T>                                                                                 \
  struct Name {                                                                                      \
    T operator()(T a, T b) const {                                                                   \
      return static_cast<T>(special_math::function(static_cast<double>(a), static_cast<double>(b))); \
    }                                                                                                \
  };
DLB_SPECIAL_FUNCTOR(Igamma, igamma)
DLB_SPECIAL_FUNCTOR(Igammac, igammac)
DLB_SPECIAL_FUNCTOR(Zeta, zeta)
#undef DLB_SPECIAL_FUNCTOR

/// ln(e^a + e^b)
template <class T>
struct Logaddexp {
  DLB_INLINE T operator()(T a, T b) const {
    const T larger = a > b || a != a ? a : b;
    const T distance = a > b ? b - a : a - b;
    const T y = larger + Log1p<T>(nullptr)(Exp<T>(nullptr)(distance));
    return a == b && a - a != T(0) ? a : y;  // equal infinities have no distance
  }
};
/// log2(2^a + 2^b)
template <class T>
struct Logaddexp2 {
  DLB_INLINE T operator()(T a, T b) const {
    const T larger = a > b || a != a ? a : b;
    const T distance = a > b ? b - a : a - b;
    const T y = larger + Log1p<T>(nullptr)(Exp2<T>(nullptr)(distance)) * T(1.44269504088896340736);
    return a == b && a - a != T(0) ? a : y;
  }
};
/// a ln b, 0 where a is
template <class T>
struct Xlogy {
  DLB_INLINE T operator()(T a, T b) const {
    const T y = a * Log<T>(nullptr)(b);
    return a == T(0) && b == b ? T(0) : y;
  }
};
template <class T>
struct Xlog1py {
  DLB_INLINE T operator()(T a, T b) const {
    const T y = a * Log1p<T>(nullptr)(b);
    return a == T(0) && b == b ? T(0) : y;
  }
};

}  // namespace dlb::functor
