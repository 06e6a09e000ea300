#pragma once
/// \file Sums, maxima and exponentials of a row, with a fixed number of partial sums so that the result is
/// the same on every processor.

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "dlb/ops/float_math.h"

namespace dlb::backend::cpu {

/// Partial results of a row; a multiple of every vector length.
inline constexpr int64_t kLanes = 32;

/// Of numbers that are not above 0, for sums of exponentials: 0 below -87. Error: 2 ulp as far as it counts
/// beside e^0, since the remainder of the range reduction is off by up to 2e-9 times the exponent.
DLB_INLINE float fast_exp(float x) {
  constexpr float kRound = 12582912.0F;
  const float t = float_math::fma(x, 1.44269504F, kRound);
  const float r = float_math::fma(t - kRound, -0.693147181F, x);
  const float s = std::bit_cast<float>((std::bit_cast<uint32_t>(t) << 23) + 0x3f800000U);
  const float y = float_math::fma(float_math::small_expm1(r), s, s);
  return x < -87.0F ? 0.0F : y;
}
DLB_INLINE double fast_exp(double x) { return std::exp(x); }

/// Sum of the lanes, pairwise.
template <class A>
DLB_INLINE A add_lanes(A* lanes) {
  for (int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (int64_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

/// Does nothing at each step of a sum.
struct NoStep {
  DLB_INLINE void operator()(int64_t) const {}
};

/// sum_i value(i), with partial sums for blocks of 4096 added in float64. Calls step(i) before each
/// group of kLanes elements.
template <class A, class F, class Step = NoStep>
DLB_INLINE A row_sum(int64_t n, const F& value, const Step& step = {}) {
  constexpr int64_t kBlock = 4096;
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t end = std::min(n, begin + kBlock);
    A lanes[kLanes] = {};
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      step(i);
      for (int64_t l = 0; l < kLanes; ++l) lanes[l] += value(i + l);
    }
    for (int64_t l = 0; i + l < end; ++l) lanes[l] += value(i + l);
    total += static_cast<double>(add_lanes(lanes));
  }
  return static_cast<A>(total);
}

/// Two sums in one pass.
template <class A>
struct Sums {
  A first, second;
};
template <class A, class F, class G>
DLB_INLINE Sums<A> row_sums(int64_t n, const F& first, const G& second) {
  constexpr int64_t kBlock = 4096;
  double totals[2] = {0, 0};
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t end = std::min(n, begin + kBlock);
    A a[kLanes] = {};
    A b[kLanes] = {};
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      for (int64_t l = 0; l < kLanes; ++l) a[l] += first(i + l);
      for (int64_t l = 0; l < kLanes; ++l) b[l] += second(i + l);
    }
    for (int64_t l = 0; i + l < end; ++l) {
      a[l] += first(i + l);
      b[l] += second(i + l);
    }
    totals[0] += static_cast<double>(add_lanes(a));
    totals[1] += static_cast<double>(add_lanes(b));
  }
  return {static_cast<A>(totals[0]), static_cast<A>(totals[1])};
}

template <class A>
DLB_INLINE A larger(A a, A b) {
  return a > b ? a : b;
}

/// Largest element. A NaN may be passed over: the sums of exponentials that follow show it.
template <class A>
DLB_INLINE A row_max(const A* __restrict x, int64_t n) {
  A lanes[kLanes];
  for (int64_t l = 0; l < kLanes; ++l) lanes[l] = -std::numeric_limits<A>::infinity();
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int64_t l = 0; l < kLanes; ++l) lanes[l] = larger(lanes[l], x[i + l]);
  }
  for (int64_t l = 0; i + l < n; ++l) lanes[l] = larger(lanes[l], x[i + l]);
  for (int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (int64_t l = 0; l < half; ++l) lanes[l] = larger(lanes[l], lanes[l + half]);
  }
  return lanes[0];
}

/// Asks for the memory of the rows that come next while there is still to compute on this one: for group i of
/// this row, the same group of the next. Rows are too short for the processor to foresee it.
template <class T>
struct Ahead {
  const T* a = nullptr;
  const T* b = nullptr;
  DLB_INLINE void operator()(int64_t i) const {
    constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));
    for (int64_t l = 0; l < kLanes; l += kLine) {
      __builtin_prefetch(a + i + l);
      __builtin_prefetch(b + i + l);
    }
  }
};

/// y_i = exp(x_i - shift), shift not below any x_i; returns their sum.
template <class A, class Step = NoStep>
DLB_INLINE A row_exp(const A* __restrict x, A shift, A* __restrict y, int64_t n, const Step& step = {}) {
  return row_sum<A>(
      n,
      [&](int64_t i) {
        const A e = fast_exp(x[i] - shift);
        y[i] = e;
        return e;
      },
      step);
}
/// Their sum alone.
template <class A, class Step = NoStep>
DLB_INLINE A row_exp_sum(const A* __restrict x, A shift, int64_t n, const Step& step = {}) {
  return row_sum<A>(
      n, [&](int64_t i) { return fast_exp(x[i] - shift); }, step);
}

/// Asks for a stretch of memory that is needed soon.
template <class T>
DLB_INLINE void prefetch_row(const T* x, int64_t n) {
  constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));
  for (int64_t i = 0; i < std::min(n, 64 * kLine); i += kLine) __builtin_prefetch(x + i);
}

}  // namespace dlb::backend::cpu
