#pragma once
/// \file Matrix products inside a kernel, in the calling thread, for operands that lie in the cache.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dlb::backend::cpu {

/// A [m, k] with any strides: element (i, j) is data[i * row + j * col].
template <class T>
struct Factor {
  const T* data;
  int64_t row;
  int64_t col;
};

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
  constexpr int64_t kBlock = 8;
  for (int64_t i0 = 0; i0 < rows; i0 += kBlock) {
    const int64_t i1 = i0 + kBlock < rows ? i0 + kBlock : rows;
    for (int64_t j = 0; j < cols; ++j) {
      T* const out = to + j * to_row;
      const T* const in = from + j;
      for (int64_t i = i0; i < i1; ++i) out[i] = in[i * from_row];
    }
  }
}

/// A matrix [k, n] that many products share, stored in panels of 32 columns, each row-major.
template <class T>
class PackedMatrix {
 public:
  static constexpr int64_t kPanel = 32;

  /// Element (i, j) is data[i * row + j * col].
  PackedMatrix(int64_t k, int64_t n, const T* data, int64_t row, int64_t col)
      : k_(k), n_(n), panels_(static_cast<size_t>((n + kPanel - 1) / kPanel * kPanel * k)) {
    for (int64_t j = 0; j < n; ++j) {
      T* const to = panels_.data() + j / kPanel * kPanel * k + j % kPanel;
      for (int64_t i = 0; i < k; ++i) to[i * kPanel] = data[i * row + j * col];
    }
  }

  int64_t panel_count() const { return (n_ + kPanel - 1) / kPanel; }

  /// Columns of panels [first, last) of c (+)= a b, for a of m rows.
  void multiply(int64_t first, int64_t last, int64_t m, const Factor<T>& a, T* c, int64_t c_row,
                bool add) const {
    for (int64_t p = first; p < last; ++p) {
      const int64_t width = p * kPanel + kPanel < n_ ? kPanel : n_ - p * kPanel;
      tile_gemm(m, width, k_, a, panels_.data() + p * kPanel * k_, kPanel, c + p * kPanel, c_row, add);
    }
  }

 private:
  int64_t k_, n_;
  std::vector<T> panels_;
};

}  // namespace dlb::backend::cpu
