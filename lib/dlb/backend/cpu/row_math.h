#pragma once
/// \file Sums, maxima and exponentials of a row, with a fixed number of partial sums so that the result is
/// the same on every processor.

#include <algorithm>
#include <array>
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
  float p = 8.29027212e-3F;
  p = float_math::fma(p, r, 4.18981604e-2F);
  p = float_math::fma(p, r, 1.66676381e-1F);
  p = float_math::fma(p, r, 4.99991478e-1F);
  p = float_math::fma(p, r, 9.99999706e-1F);
  p = float_math::fma(p, r, 1.0F);
  return x < -87.0F ? 0.0F : p * s;
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

/// sum_i value(i), with partial sums for blocks of 4096 added in float64. Calls step(i) before each group of
/// kLanes elements.
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

template <class A, class F>
DLB_INLINE void add_group(A* lanes, const F& value, int64_t i, int64_t count) {
  for (int64_t l = 0; l < count; ++l) lanes[l] += value(i + l);
}
/// Several sums in one pass.
template <class A, class Step, class... F>
DLB_INLINE std::array<A, sizeof...(F)> row_sums(int64_t n, const Step& step, const F&... values) {
  constexpr int64_t kBlock = 4096;
  constexpr size_t kSums = sizeof...(F);
  double totals[kSums] = {};
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t end = std::min(n, begin + kBlock);
    A lanes[kSums][kLanes] = {};
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      step(i);
      size_t k = 0;
      (add_group(lanes[k++], values, i, kLanes), ...);
    }
    size_t k = 0;
    (add_group(lanes[k++], values, i, end - i), ...);
    for (k = 0; k < kSums; ++k) totals[k] += static_cast<double>(add_lanes(lanes[k]));
  }
  std::array<A, kSums> sums;
  for (size_t k = 0; k < kSums; ++k) sums[k] = static_cast<A>(totals[k]);
  return sums;
}

template <class A>
DLB_INLINE A larger(A a, A b) {
  return a > b ? a : b;
}

template <class A>
DLB_INLINE A largest_lane(A* lanes) {
  for (int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (int64_t l = 0; l < half; ++l) lanes[l] = larger(lanes[l], lanes[l + half]);
  }
  return lanes[0];
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
  return largest_lane(lanes);
}

/// How far ahead of a loop that also computes memory is asked for. Processors foresee what a loop reads up to
/// the end of a page only, and rows are often as short as that.
inline constexpr int64_t kPrefetch = 1024;

/// Asks for the kLanes elements from x. As all that follows, for the second-level cache: the first is full of
/// the rows at hand.
template <class T>
DLB_INLINE void prefetch_group(const T* x) {
  constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));
  for (int64_t l = 0; l < kLanes; l += kLine) __builtin_prefetch(x + l, 0, 2);
}

/// Asks for the memory of the rows that come next while there is still to compute on this one: for group i of
/// this row, half of the same group of theirs. Two loops over a row take a half each, so that the requests do
/// not come all at once.
template <class T, int kPart = 0>
struct Ahead {
  const T* a;
  const T* b;
  DLB_INLINE void operator()(int64_t i) const {
    constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));
    for (int64_t l = kPart * kLine; l < kLanes; l += 2 * kLine) {
      __builtin_prefetch(a + i + l, 0, 2);
      __builtin_prefetch(b + i + l, 0, 2);
    }
  }
  Ahead<T, 1> rest() const { return {a, b}; }
};

/// Calls f(i) for each element of a row, which writes nothing that another element reads, and step(i) before
/// each group of kLanes.
template <class F, class Step>
DLB_INLINE void each_of_row(int64_t n, const F& f, const Step& step) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    step(i);
    DLB_IVDEP
    for (int64_t l = 0; l < kLanes; ++l) f(i + l);
  }
  for (; i < n; ++i) f(i);
}

/// Sum of the exponentials of a row, and the largest element of the next.
template <class A>
struct ExpSum {
  A sum, next_largest;
};

/// y_i = exp(x_i - shift), shift not below any x_i, and row_max() of `next`, a row of the same length, whose
/// memory arrives while the exponentials are computed. kKeep: whether y is written.
template <bool kKeep, class A>
DLB_INLINE ExpSum<A> row_exp(const A* __restrict x, A shift, [[maybe_unused]] A* __restrict y,
                             const A* __restrict next, int64_t n) {
  constexpr int64_t kBlock = 4096;
  double total = 0;
  A largest[kLanes];
  for (int64_t l = 0; l < kLanes; ++l) largest[l] = -std::numeric_limits<A>::infinity();
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t end = std::min(n, begin + kBlock);
    A lanes[kLanes] = {};
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      prefetch_group(next + i + kPrefetch);
      for (int64_t l = 0; l < kLanes; ++l) {
        const A e = fast_exp(x[i + l] - shift);
        if constexpr (kKeep) y[i + l] = e;
        lanes[l] += e;
        largest[l] = larger(largest[l], next[i + l]);
      }
    }
    for (int64_t l = 0; i + l < end; ++l) {
      const A e = fast_exp(x[i + l] - shift);
      if constexpr (kKeep) y[i + l] = e;
      lanes[l] += e;
      largest[l] = larger(largest[l], next[i + l]);
    }
    total += static_cast<double>(add_lanes(lanes));
  }
  return {static_cast<A>(total), largest_lane(largest)};
}

/// Asks for a stretch of memory that is needed soon.
template <class T>
DLB_INLINE void prefetch_row(const T* x, int64_t n) {
  constexpr int64_t kLine = 64 / static_cast<int64_t>(sizeof(T));
  for (int64_t i = 0; i < std::min(n, 64 * kLine); i += kLine) __builtin_prefetch(x + i);
}

}  // namespace dlb::backend::cpu
