#pragma once
/// \file Sums, maxima and exponentials of a row, with a fixed number of partial sums so that the result is
/// the same on every processor.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "dlb/ops/float_math.h"

namespace dlb::backend::cpu {

/// Partial results of a row; a multiple of every vector length.
inline constexpr int64_t kLanes = 32;

/// Of numbers that are not above 0.
DLB_INLINE float fast_exp(float x) { return float_math::exp_negative(x); }
DLB_INLINE double fast_exp(double x) { return std::exp(x); }

/// Sum of the lanes, pairwise.
template <class A>
DLB_INLINE A add_lanes(A* lanes) {
  for (int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (int64_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

/// sum_i value(i), with partial sums for blocks of 4096 added in float64.
template <class A, class F>
DLB_INLINE A row_sum(int64_t n, const F& value) {
  constexpr int64_t kBlock = 4096;
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t end = std::min(n, begin + kBlock);
    A lanes[kLanes] = {};
    int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      for (int64_t l = 0; l < kLanes; ++l) lanes[l] += value(i + l);
    }
    for (int64_t l = 0; i + l < end; ++l) lanes[l] += value(i + l);
    total += static_cast<double>(add_lanes(lanes));
  }
  return static_cast<A>(total);
}

/// Larger of two, a NaN if there is one.
template <class A>
DLB_INLINE A larger(A a, A b) {
  // As a mask of integers, since GCC does not vectorise a bool here.
  const int32_t keep = -static_cast<int32_t>(a > b) | -static_cast<int32_t>(a != a);
  return keep != 0 ? a : b;
}

/// Largest element; NaN wins.
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

/// y_i = exp(x_i - shift); returns their sum.
template <class A>
DLB_INLINE A row_exp(const A* __restrict x, A shift, A* __restrict y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = fast_exp(x[i] - shift);
  return row_sum<A>(n, [&](int64_t i) { return y[i]; });
}

}  // namespace dlb::backend::cpu
