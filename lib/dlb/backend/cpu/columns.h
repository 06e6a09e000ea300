#pragma once
/// \file Sums over the rows of a row-major matrix, in an order that depends on its size alone.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "dlb/ops/float_math.h"

namespace dlb::backend::cpu {

/// Narrow matrices are summed several rows at a time, so that the partial sums fill vector registers. Lane l
/// belongs to column l % columns.
inline int64_t column_lanes(int64_t columns) {
  return columns == 0 ? 1 : columns * std::max<int64_t>(1, 64 / columns);
}

/// One value for each column, repeated to fill the lanes.
template <class A>
std::vector<A> repeat_columns(const std::vector<A>& values) {
  const int64_t columns = static_cast<int64_t>(values.size());
  std::vector<A> lanes(static_cast<size_t>(column_lanes(columns)));
  for (size_t l = 0; columns > 0 && l < lanes.size(); ++l) lanes[l] = values[l % values.size()];
  return lanes;
}

/// Adds four rows from element i, each lane one after the other: the lanes are in memory. Nothing that
/// `value` reads is written.
template <class A, class F>
DLB_INLINE void add_four_rows(int64_t i, int64_t width, A* __restrict lanes, const F& value) {
  DLB_IVDEP
  for (int64_t l = 0; l < width; ++l) {
    const A sum = ((lanes[l] + value(i + l, l)) + value(i + width + l, l)) + value(i + 2 * width + l, l);
    lanes[l] = sum + value(i + 3 * width + l, l);
  }
}

/// Adds sum_r value(r * columns + c, lane) to total[c]. `lanes` is scratch of column_lanes(columns) elements.
template <class A, class F>
DLB_INLINE void add_columns(int64_t rows, int64_t columns, A* lanes, double* total, const F& value) {
  // Partial sums in the compute type stay short; what they add up to is kept in float64.
  constexpr int64_t kSteps = 256;
  const int64_t width = column_lanes(columns);
  const int64_t n = rows * columns;
  for (int64_t begin = 0; begin < n; begin += kSteps * width) {
    const int64_t end = std::min(n, begin + kSteps * width);
    std::fill(lanes, lanes + width, A(0));
    int64_t i = begin;
    for (; i + 4 * width <= end; i += 4 * width) {
      add_four_rows(i, width, lanes, value);
    }
    for (; i + width <= end; i += width) {
      for (int64_t l = 0; l < width; ++l) lanes[l] += value(i + l, l);
    }
    for (int64_t l = 0; i + l < end; ++l) lanes[l] += value(i + l, l);
    for (int64_t first = 0; first < width; first += columns) {
      for (int64_t c = 0; c < columns; ++c) total[c] += static_cast<double>(lanes[first + c]);
    }
  }
}

/// The same for two sums in one pass; `lanes` is scratch of twice as many elements.
template <class A, class F, class G>
DLB_INLINE void add_columns(int64_t rows, int64_t columns, A* lanes, double* total, const F& value,
                            double* other_total, const G& other_value) {
  constexpr int64_t kSteps = 256;
  const int64_t width = column_lanes(columns);
  const int64_t n = rows * columns;
  A* __restrict first_lanes = lanes;
  A* __restrict other_lanes = lanes + width;
  for (int64_t begin = 0; begin < n; begin += kSteps * width) {
    const int64_t end = std::min(n, begin + kSteps * width);
    std::fill(lanes, lanes + 2 * width, A(0));
    int64_t i = begin;
    for (; i + 4 * width <= end; i += 4 * width) {
      add_four_rows(i, width, first_lanes, value);
      add_four_rows(i, width, other_lanes, other_value);
    }
    for (; i < end; i += width) {
      for (int64_t l = 0; l < std::min(width, end - i); ++l) {
        first_lanes[l] += value(i + l, l);
        other_lanes[l] += other_value(i + l, l);
      }
    }
    for (int64_t first = 0; first < width; first += columns) {
      for (int64_t c = 0; c < columns; ++c) {
        total[c] += static_cast<double>(first_lanes[first + c]);
        other_total[c] += static_cast<double>(other_lanes[first + c]);
      }
    }
  }
}

/// Calls f(i, lane) for all elements i of the matrix, which writes nothing that another element reads.
template <class F>
DLB_INLINE void each_element(int64_t rows, int64_t columns, const F& f) {
  const int64_t width = column_lanes(columns);
  const int64_t n = rows * columns;
  int64_t i = 0;
  for (; i + width <= n; i += width) {
    DLB_IVDEP
    for (int64_t l = 0; l < width; ++l) f(i + l, l);
  }
  for (int64_t l = 0; i + l < n; ++l) f(i + l, l);
}

}  // namespace dlb::backend::cpu
