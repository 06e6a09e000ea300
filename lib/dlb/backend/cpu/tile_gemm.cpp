#include "dlb/backend/cpu/tile_gemm.h"

#include <algorithm>

#include "dlb/backend/cpu/simd.h"

// Highway compiles what follows once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "dlb/backend/cpu/tile_gemm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace dlb::backend::cpu {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// Rows of c that are kept in registers at a time; with two vectors of columns, as many as there are
/// registers for.
#if HWY_TARGET <= HWY_AVX3
constexpr int64_t kRows = 12;
#elif HWY_TARGET <= HWY_AVX2
constexpr int64_t kRows = 6;
#else
constexpr int64_t kRows = 4;
#endif

/// How the columns of a block are read and written: whole vectors, or the first few lanes of one.
template <class D>
struct Whole {
  using V = hn::Vec<D>;
  D d;
  template <class T>
  HWY_INLINE V read(const T* p) const {
    return hn::LoadU(d, p);
  }
  template <class T>
  HWY_INLINE void write(V v, T* p) const {
    hn::StoreU(v, d, p);
  }
};
template <class D>
struct Part {
  using V = hn::Vec<D>;
  D d;
  hn::Mask<D> mask;
  size_t count;
  template <class T>
  HWY_INLINE V read(const T* p) const {
#if HWY_TARGET <= HWY_AVX2
    return hn::MaskedLoad(mask, d, p);
#else
    T buffer[HWY_MAX_BYTES / sizeof(T)] = {};
    for (size_t i = 0; i < count; ++i) buffer[i] = p[i];
    return hn::LoadU(d, buffer);
#endif
  }
  template <class T>
  HWY_INLINE void write(V v, T* p) const {
    T buffer[HWY_MAX_BYTES / sizeof(T)];
    hn::StoreU(v, d, buffer);
    for (size_t i = 0; i < count; ++i) p[i] = buffer[i];
  }
};

template <int kR, int kV, class T, class Access>
HWY_INLINE void block(const Access access, int64_t k, const T* HWY_RESTRICT a, int64_t a_row, int64_t a_col,
                      const T* HWY_RESTRICT b, int64_t b_row, T* HWY_RESTRICT c, int64_t c_row, bool add) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const size_t lanes = hn::Lanes(d);
  V sum[kR][kV];
  HWY_UNROLL(16)
  for (int r = 0; r < kR; ++r) {
    HWY_UNROLL(2)
    for (int v = 0; v < kV; ++v) {
      sum[r][v] = add ? access.read(c + r * c_row + static_cast<int64_t>(static_cast<size_t>(v) * lanes))
                      : hn::Zero(d);
    }
  }
  for (int64_t l = 0; l < k; ++l) {
    V columns[kV];
    HWY_UNROLL(2)
    for (int v = 0; v < kV; ++v) {
      columns[v] = access.read(b + l * b_row + static_cast<int64_t>(static_cast<size_t>(v) * lanes));
    }
    const T* HWY_RESTRICT factor = a + l * a_col;
    HWY_UNROLL(16)
    for (int r = 0; r < kR; ++r) {
      const V x = hn::Set(d, factor[r * a_row]);
      HWY_UNROLL(2)
      for (int v = 0; v < kV; ++v) sum[r][v] = hn::MulAdd(x, columns[v], sum[r][v]);
    }
  }
  HWY_UNROLL(16)
  for (int r = 0; r < kR; ++r) {
    HWY_UNROLL(2)
    for (int v = 0; v < kV; ++v) {
      access.write(sum[r][v], c + r * c_row + static_cast<int64_t>(static_cast<size_t>(v) * lanes));
    }
  }
}

/// block() with a number of rows that is known when the program runs.
template <int kR, int kV, class T, class Access>
HWY_INLINE void block_of(int64_t r, const Access access, int64_t k, const T* a, int64_t a_row, int64_t a_col,
                         const T* b, int64_t b_row, T* c, int64_t c_row, bool add) {
  if constexpr (kR > 1) {
    if (r < kR) return block_of<kR - 1, kV>(r, access, k, a, a_row, a_col, b, b_row, c, c_row, add);
  }
  block<kR, kV>(access, k, a, a_row, a_col, b, b_row, c, c_row, add);
}

/// All rows of a block of columns, in about equal blocks: a single row takes as long as several do.
template <int kV, class T, class Access>
HWY_INLINE void rows(const Access access, int64_t m, int64_t k, const Factor<T>& a, const T* b, int64_t b_row,
                     T* c, int64_t c_row, bool add) {
  for (int64_t i = 0, blocks = (m + kRows - 1) / kRows; blocks > 0; --blocks) {
    const int64_t r = (m - i + blocks - 1) / blocks;
    block_of<static_cast<int>(kRows), kV>(r, access, k, a.data + i * a.row, a.row, a.col, b, b_row,
                                          c + i * c_row, c_row, add);
    i += r;
  }
}

template <class T>
void Gemm(int64_t m, int64_t n, int64_t k, const Factor<T>& a, const T* b, int64_t b_row, T* c, int64_t c_row,
          bool add) {
  const hn::ScalableTag<T> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  constexpr int64_t kDepth = 512;  // rows of b that stay in the first-level cache
  for (int64_t l = 0; l < k || l == 0; l += kDepth) {
    const int64_t depth = std::min(kDepth, k - l);
    const Factor<T> left{a.data + l * a.col, a.row, a.col};
    const T* right = b + l * b_row;
    const bool more = add || l > 0;
    int64_t j = 0;
    const Whole<decltype(d)> whole{d};
    for (; j + 2 * lanes <= n; j += 2 * lanes) {
      rows<2>(whole, m, depth, left, right + j, b_row, c + j, c_row, more);
    }
    for (; j + lanes <= n; j += lanes) {
      rows<1>(whole, m, depth, left, right + j, b_row, c + j, c_row, more);
    }
    if (j < n) {
      const size_t count = static_cast<size_t>(n - j);
      const Part<decltype(d)> part{d, hn::FirstN(d, count), count};
      rows<1>(part, m, depth, left, right + j, b_row, c + j, c_row, more);
    }
  }
}

void GemmFloat(int64_t m, int64_t n, int64_t k, const Factor<float>& a, const float* b, int64_t b_row,
               float* c, int64_t c_row, bool add) {
  Gemm<float>(m, n, k, a, b, b_row, c, c_row, add);
}
void GemmDouble(int64_t m, int64_t n, int64_t k, const Factor<double>& a, const double* b, int64_t b_row,
                double* c, int64_t c_row, bool add) {
  Gemm<double>(m, n, k, a, b, b_row, c, c_row, add);
}

}  // namespace HWY_NAMESPACE
}  // namespace dlb::backend::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace dlb::backend::cpu {

// The version is chosen as in philox_block.cpp.

void tile_gemm(int64_t m, int64_t n, int64_t k, const Factor<float>& a, const float* b, int64_t b_row,
               float* c, int64_t c_row, bool add) {
#if HWY_ARCH_X86
  if (instruction_set() == InstructionSet::kAvx512)
    return N_AVX3::GemmFloat(m, n, k, a, b, b_row, c, c_row, add);
  if (instruction_set() == InstructionSet::kAvx2)
    return N_AVX2::GemmFloat(m, n, k, a, b, b_row, c, c_row, add);
#endif
  HWY_STATIC_DISPATCH(GemmFloat)(m, n, k, a, b, b_row, c, c_row, add);
}

void tile_gemm(int64_t m, int64_t n, int64_t k, const Factor<double>& a, const double* b, int64_t b_row,
               double* c, int64_t c_row, bool add) {
#if HWY_ARCH_X86
  if (instruction_set() == InstructionSet::kAvx512)
    return N_AVX3::GemmDouble(m, n, k, a, b, b_row, c, c_row, add);
  if (instruction_set() == InstructionSet::kAvx2)
    return N_AVX2::GemmDouble(m, n, k, a, b, b_row, c, c_row, add);
#endif
  HWY_STATIC_DISPATCH(GemmDouble)(m, n, k, a, b, b_row, c, c_row, add);
}

}  // namespace dlb::backend::cpu
#endif
