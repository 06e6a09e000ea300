#pragma once
/// \file What attention's forward and backward kernels share: tiles of rows and positions, and their scores.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "dlb/backend/cpu/philox_block.h"
#include "dlb/backend/cpu/row_math.h"
#include "dlb/backend/cpu/simd.h"
#include "dlb/backend/cpu/tile_gemm.h"
#include "dlb/base/threads.h"
#include "dlb/ops/attention_defs.h"

namespace dlb::backend::cpu::tiles {

/// Rows of queries and positions of keys in a tile: its scores stay in the first-level cache.
inline constexpr int64_t kRows = 64;
inline constexpr int64_t kPositions = 64;

inline int64_t count(int64_t n, int64_t size) { return (n + size - 1) / size; }

/// Sizes and inputs; T is float or double. Keys and values are row-major.
template <class T>
struct Problem {
  int64_t batch, heads, groups, rows, positions, width, value_width;
  AttentionAttrs attrs;
  const T* q;
  Strides q_strides;
  const T* k;
  const T* v;
  const bool* mask_bool = nullptr;
  const T* mask = nullptr;
  Strides mask_strides;

  Problem(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& added,
          const AttentionAttrs& a)
      : batch(query.dim(0)),
        heads(query.dim(1)),
        groups(key.dim(1)),
        rows(query.dim(2)),
        positions(key.dim(2)),
        width(query.dim(3)),
        value_width(value.dim(3)),
        attrs(a),
        q(query.data<T>()),
        q_strides(query.strides()),
        k(key.data<T>()),
        v(value.data<T>()) {
    if (!added.defined()) return;
    mask_strides = added.strides();
    if (added.dtype() == DType::kBool) {
      mask_bool = added.data<bool>();
    } else {
      mask = added.data<T>();
    }
  }

  int64_t heads_per_group() const { return groups > 0 ? heads / groups : 0; }
  const T* keys(int64_t b, int64_t g, int64_t j) const {
    return k + ((b * groups + g) * positions + j) * width;
  }
  const T* values(int64_t b, int64_t g, int64_t j) const {
    return v + ((b * groups + g) * positions + j) * value_width;
  }
  /// Tiles of rows (of positions) that are worth a thread, at least.
  int64_t grain() const {
    const int64_t pairs = std::min(rows, kRows) * std::max(positions, rows);
    return 1 + 65536 / std::max<int64_t>(pairs * (width + value_width), 1);
  }
  /// Tiles of positions that the tile of rows from i sees.
  int64_t visible_tiles(int64_t i) const {
    const int64_t limit = attrs.causal ? std::min(positions, i + std::min(kRows, rows - i)) : positions;
    return count(limit, kPositions);
  }
};

/// [rows, cols] with a row stride as a dense copy.
template <class T>
void copy_rows(const T* from, int64_t from_row, int64_t from_col, T* to, int64_t rows, int64_t cols) {
  for (int64_t i = 0; i < rows; ++i) {
    const T* in = from + i * from_row;
    if (from_col == 1) {
      std::copy(in, in + cols, to + i * cols);
    } else {
      for (int64_t j = 0; j < cols; ++j) to[i * cols + j] = in[j * from_col];
    }
  }
}

/// Every matrix [positions, width] transposed tile by tile: tile j is [width, kPositions].
template <class T>
std::vector<T> transposed_tiles(const T* x, int64_t matrices, int64_t positions, int64_t width) {
  const int64_t tiles = count(positions, kPositions);
  std::vector<T> out(static_cast<size_t>(matrices * tiles * kPositions * width));
  parallel_for(matrices * tiles, 4, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t j = t % tiles * kPositions;
      tile_transpose(x + (t / tiles * positions + j) * width, width, out.data() + t * kPositions * width,
                     kPositions, std::min(kPositions, positions - j), width);
    }
  });
  return out;
}

/// A tile: rows i.. of head h of batch b, positions j...
struct Place {
  int64_t b, h, i, j, rows, positions;
};

/// scores := scale * scores + mask, -infinity where hidden. [rows, kPositions].
template <class T>
DLB_INLINE void mask_scores(const Problem<T>& p, const Place& at, T* scores) {
  const T scale = static_cast<T>(p.attrs.scale);
  constexpr T kHidden = -std::numeric_limits<T>::infinity();
  for (int64_t r = 0; r < at.rows; ++r) {
    T* const __restrict s = scores + r * kPositions;
    for (int64_t c = 0; c < at.positions; ++c) s[c] *= scale;
    if (p.mask != nullptr || p.mask_bool != nullptr) {
      const Strides& m = p.mask_strides;
      const int64_t start = at.b * m[0] + at.h * m[1] + (at.i + r) * m[2] + at.j * m[3];
      if (p.mask_bool != nullptr) {
        for (int64_t c = 0; c < at.positions; ++c) s[c] = p.mask_bool[start + c * m[3]] ? s[c] : kHidden;
      } else if (m[3] == 1) {
        for (int64_t c = 0; c < at.positions; ++c) s[c] += p.mask[start + c];
      } else {
        for (int64_t c = 0; c < at.positions; ++c) s[c] += p.mask[start + c * m[3]];
      }
    }
    if (p.attrs.causal) {
      for (int64_t c = std::max<int64_t>(at.i + r + 1 - at.j, 0); c < at.positions; ++c) s[c] = kHidden;
    }
  }
}

/// Dropout of a tile: x := x / (1 - p) where the weight's random number is at least p, else 0. Both tensors
/// of a gradient get the same mask.
template <class T>
void drop(const Problem<T>& p, const Place& at, T* x, T* also) {
  const uint32_t threshold = static_cast<uint32_t>(std::ceil(p.attrs.dropout * 0x1p24));
  const T scale = p.attrs.dropout < 1 ? static_cast<T>(1 / (1 - p.attrs.dropout)) : T(0);
  uint32_t words[kPositions + kPhiloxWords];
  for (int64_t r = 0; r < at.rows; ++r) {
    const int64_t first = ((at.b * p.heads + at.h) * p.rows + at.i + r) * p.positions + at.j;
    const int64_t skip = first % kPhiloxWords;
    philox_fill(p.attrs.key, static_cast<uint64_t>(first / kPhiloxWords), words, at.positions + skip);
    simd([&] {
      for (int64_t c = 0; c < at.positions; ++c) {
        const T factor = (words[skip + c] >> 8) >= threshold ? scale : T(0);
        x[r * kPositions + c] *= factor;
        if (also != nullptr) also[r * kPositions + c] *= factor;
      }
    });
  }
}

}  // namespace dlb::backend::cpu::tiles
