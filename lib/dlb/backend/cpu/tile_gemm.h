#pragma once
/// \file Matrix products inside a kernel, in the calling thread, for operands that lie in the cache.

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "dlb/backend/cpu/scratch.h"
#include "dlb/base/threads.h"

namespace dlb::backend::cpu {

/// A [m, k] with any strides: element (i, j) is data[i * row + j * col].
template <class T>
struct Factor {
  const T* data;
  int64_t row;
  int64_t col;
};

namespace detail {

/// Transposes [4, 4] of 32-bit elements.
template <class T>
inline void transpose_four(const T* from, int64_t from_row, T* to, int64_t to_row) {
  using V [[gnu::vector_size(16)]] = int32_t;
  V r[4];
  for (int64_t i = 0; i < 4; ++i) __builtin_memcpy(&r[i], from + i * from_row, 16);
  const V a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5);
  const V b = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
  const V c = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
  const V d = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
  const V out[4] = {__builtin_shufflevector(a, b, 0, 1, 4, 5), __builtin_shufflevector(a, b, 2, 3, 6, 7),
                    __builtin_shufflevector(c, d, 0, 1, 4, 5), __builtin_shufflevector(c, d, 2, 3, 6, 7)};
  for (int64_t j = 0; j < 4; ++j) __builtin_memcpy(to + j * to_row, &out[j], 16);
}

}  // namespace detail

/// c = a b, or c += a b when `add`; b [k, n] and c [m, n] have unit column strides and those row strides.
/// Each element is one chain of multiply-adds in the order of k, so neither the sizes m and n nor how a
/// larger product is cut along them change its bits.
void tile_gemm(int64_t m, int64_t n, int64_t k, const Factor<float>& a, const float* b, int64_t b_row,
               float* c, int64_t c_row, bool add);
void tile_gemm(int64_t m, int64_t n, int64_t k, const Factor<double>& a, const double* b, int64_t b_row,
               double* c, int64_t c_row, bool add);

/// to[j * to_row + i] = from[i * from_row + j]: transposes [rows, cols].
template <class T>
void tile_transpose(const T* from, int64_t from_row, T* to, int64_t to_row, int64_t rows, int64_t cols) {
  int64_t rows_done = 0;
  int64_t cols_done = 0;
  if constexpr (sizeof(T) == 4) {
    rows_done = rows / 4 * 4;
    cols_done = cols / 4 * 4;
    for (int64_t i = 0; i < rows_done; i += 4) {
      for (int64_t j = 0; j < cols_done; j += 4)
        detail::transpose_four(from + i * from_row + j, from_row, to + j * to_row + i, to_row);
    }
  }
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = i < rows_done ? cols_done : 0; j < cols; ++j)
      to[j * to_row + i] = from[i * from_row + j];
  }
}

/// A matrix [k, n] that many products share, stored in panels of 32 columns, each row-major.
template <class T>
class PackedMatrix {
 public:
  static constexpr int64_t kPanel = 32;

  /// Element (i, j) is data[i * row + j * col]. Several threads pack it.
  PackedMatrix(int64_t k, int64_t n, const T* data, int64_t row, int64_t col)
      : k_(k), n_(n), panels_(panel_count() * kPanel * k) {
    parallel_for(panel_count(), 1 + 65536 / std::max<int64_t>(k * kPanel, 1),
                 [&](int64_t first, int64_t last) {
                   for (int64_t p = first; p < last; ++p) pack(p, data + p * kPanel * col, row, col);
                 });
  }

  int64_t panel_count() const { return (n_ + kPanel - 1) / kPanel; }

  /// The product's columns from panel `first` to before panel `last`: c (+)= a b[:, ...], for a of m rows.
  void multiply(int64_t first, int64_t last, int64_t m, const Factor<T>& a, T* c, int64_t c_row,
                bool add) const {
    for (int64_t p = first; p < last; ++p) {
      tile_gemm(m, width(p), k_, a, panels_.data() + p * kPanel * k_, kPanel, c + (p - first) * kPanel, c_row,
                add);
    }
  }

 private:
  /// Columns of panel p.
  int64_t width(int64_t p) const { return std::min(kPanel, n_ - p * kPanel); }

  void pack(int64_t p, const T* from, int64_t row, int64_t col) {
    T* const to = panels_.data() + p * kPanel * k_;
    if (row == 1) return tile_transpose(from, col, to, kPanel, width(p), k_);
    for (int64_t i = 0; i < k_; ++i) {
      for (int64_t j = 0; j < width(p); ++j) to[i * kPanel + j] = from[i * row + j * col];
    }
  }

  int64_t k_, n_;
  Scratch<T> panels_;
};

}  // namespace dlb::backend::cpu
