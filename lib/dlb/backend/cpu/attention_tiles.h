#pragma once
/// \file What attention's forward and backward kernels share: tiles of rows and positions, and their scores.

#include <algorithm>
#include <cmath>
#include <limits>

#include "dlb/backend/cpu/philox_block.h"
#include "dlb/backend/cpu/row_math.h"
#include "dlb/backend/cpu/scratch.h"
#include "dlb/backend/cpu/simd.h"
#include "dlb/backend/cpu/tile_gemm.h"
#include "dlb/base/rounding.h"
#include "dlb/base/threads.h"
#include "dlb/ops/attention_defs.h"

namespace dlb::backend::cpu::tiles {

/// Elements that loops over a row of scores take at a time: rows are padded to a multiple of it.
inline constexpr int64_t kGroup = 16;

inline int64_t count(int64_t n, int64_t size) { return (n + size - 1) / size; }
inline int64_t padded(int64_t n) { return rounded_up(n, kGroup); }

/// [B, H, L, width] with unit stride in the last dimension.
template <class T>
struct Heads {
  T* data = nullptr;
  int64_t batch = 0, head = 0, row = 0;  // strides

  Heads() = default;
  explicit Heads(const Tensor& t)
      : data(t.data<std::remove_const_t<T>>()),
        batch(t.strides()[0]),
        head(t.strides()[1]),
        row(t.strides()[2]) {}
  T* at(int64_t b, int64_t h, int64_t i) const { return data + b * batch + h * head + i * row; }
};

/// Sizes and inputs; T is float or double.
template <class T>
struct Problem {
  int64_t batch, heads, groups, rows, positions, width, value_width;
  AttentionAttrs attrs;
  Heads<const T> q, k, v;
  const bool* mask_bool = nullptr;
  const T* mask = nullptr;
  Strides mask_strides;
  // Rows of queries and positions of keys in a tile; its scores stay in the first two caches. All tiles are
  // about equal, so that one row more than a tile holds does not cost a tile.
  int64_t row_tile, row_tiles, position_tile, position_tiles, stride;

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
        q(query),
        k(key),
        v(value) {
    row_tiles = count(rows, 80);
    row_tile = row_tiles > 0 ? count(rows, row_tiles) : 0;
    row_tiles = row_tile > 0 ? count(rows, row_tile) : 0;
    position_tiles = count(positions, 128);
    stride = position_tiles > 0 ? padded(count(positions, position_tiles)) : 0;
    position_tile = position_tiles > 1 ? stride : positions;
    position_tiles = position_tile > 0 ? count(positions, position_tile) : 0;
    if (!added.defined()) return;
    mask_strides = added.strides();
    if (added.dtype() == DType::kBool) {
      mask_bool = added.data<bool>();
    } else {
      mask = added.data<T>();
    }
  }

  int64_t heads_per_group() const { return groups > 0 ? heads / groups : 0; }
  /// Tiles of rows (of positions) that are worth a thread, at least.
  int64_t grain() const {
    const int64_t pairs = row_tile * std::max(positions, rows);
    return 1 + 65536 / std::max<int64_t>(pairs * (width + value_width), 1);
  }
  /// Tiles of positions that the tile of rows from i sees.
  int64_t visible_tiles(int64_t i) const {
    const int64_t limit = attrs.causal ? std::min(positions, i + std::min(row_tile, rows - i)) : positions;
    return limit > 0 ? count(limit, position_tile) : 0;
  }
  /// Whether the scores of a tile are scaled and masked before anything else is done with them; otherwise the
  /// scale is a factor on the way into the exponential.
  bool prepares() const { return mask != nullptr || mask_bool != nullptr || !(attrs.scale > 0); }
  T factor() const { return prepares() ? T(1) : static_cast<T>(attrs.scale); }
};

/// A tile: rows i.. of head h of batch b, positions j.. as far as any of its rows sees them.
struct Place {
  int64_t b, h, i, j, rows, positions;
};
template <class T>
Place place(const Problem<T>& p, int64_t b, int64_t h, int64_t i, int64_t j) {
  Place at{b, h, i, j, std::min(p.row_tile, p.rows - i), std::min(p.position_tile, p.positions - j)};
  if (p.attrs.causal) at.positions = std::min(at.positions, i + at.rows - j);
  return at;
}
/// How many of the tile's positions row r of it sees, masks apart.
template <class T>
DLB_INLINE int64_t visible(const Problem<T>& p, const Place& at, int64_t r) {
  if (!p.attrs.causal) return at.positions;
  return std::clamp<int64_t>(at.i + r + 1 - at.j, 0, at.positions);
}

/// Whether some of the tile's rows see less of it than others.
template <class T>
bool cut(const Problem<T>& p, const Place& at) {
  return visible(p, at, 0) < at.positions;
}

/// Rows or positions of a piece of a tile that `causal` cuts through: as many as a product does at a time.
inline constexpr int64_t kPiece = 12;

/// Calls f(first row, rows, positions) for pieces of a tile: of its positions, the piece's last row sees so
/// many, and the others none beyond.
template <class T, class F>
void row_pieces(const Problem<T>& p, const Place& at, const F& f) {
  if (!cut(p, at)) return f(int64_t{0}, at.rows, at.positions);
  for (int64_t r = 0; r < at.rows; r += kPiece) {
    const int64_t rows = std::min(kPiece, at.rows - r);
    if (const int64_t n = visible(p, at, r + rows - 1); n > 0) f(r, rows, n);
  }
}

/// Calls f(first position, positions, first row) for pieces of a tile: no row before that sees any of them.
template <class T, class F>
void position_pieces(const Problem<T>& p, const Place& at, const F& f) {
  const int64_t whole = visible(p, at, 0);
  if (whole > 0) f(int64_t{0}, whole, int64_t{0});
  for (int64_t c = whole; c < at.positions; c += kPiece)
    f(c, std::min(kPiece, at.positions - c), at.j + c - at.i);
}

/// [rows, width] with a row stride, dense: where it is, or as a copy in `buffer`.
template <class T>
const T* dense_rows(const T* from, int64_t row, T* buffer, int64_t rows, int64_t width) {
  if (row == width || rows <= 1) return from;
  for (int64_t i = 0; i < rows; ++i) std::copy(from + i * row, from + i * row + width, buffer + i * width);
  return buffer;
}

/// A matrix [positions, width] transposed tile by tile: tile j is [width, stride], columns beyond it 0.
template <class T>
void transposed_tiles(const Problem<T>& p, const T* x, int64_t row, int64_t width, T* out) {
  for (int64_t tile = 0; tile < p.position_tiles; ++tile) {
    const int64_t j = tile * p.position_tile;
    const int64_t n = std::min(p.position_tile, p.positions - j);
    T* const to = out + tile * width * p.stride;
    tile_transpose(x + j * row, row, to, p.stride, n, width);
    for (int64_t d = 0; d < width && n < p.stride; ++d)
      std::fill(to + d * p.stride + n, to + (d + 1) * p.stride, T(0));
  }
}

/// scores := scale * scores + mask, -infinity where hidden. [rows, stride].
template <class T>
DLB_INLINE void prepare_scores(const Problem<T>& p, const Place& at, T* scores) {
  const T scale = static_cast<T>(p.attrs.scale);
  constexpr T kHidden = -std::numeric_limits<T>::infinity();
  for (int64_t r = 0; r < at.rows; ++r) {
    T* const __restrict s = scores + r * p.stride;
    for (int64_t c = 0; c < at.positions; ++c) s[c] *= scale;
    if (p.mask == nullptr && p.mask_bool == nullptr) continue;
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
}

/// Largest of the first n scores. A NaN may be passed over: the sums of exponentials that follow show it.
template <class T>
DLB_INLINE T largest_score(const T* row, int64_t n) {
  T lanes[kGroup];
  for (int64_t l = 0; l < kGroup; ++l) lanes[l] = -std::numeric_limits<T>::infinity();
  int64_t c = 0;
  for (; c + kGroup <= n; c += kGroup) {
    for (int64_t l = 0; l < kGroup; ++l) lanes[l] = larger(lanes[l], row[c + l]);
  }
  for (int64_t l = 0; c + l < n; ++l) lanes[l] = larger(lanes[l], row[c + l]);
  for (int64_t half = kGroup / 2; half > 0; half /= 2) {
    for (int64_t l = 0; l < half; ++l) lanes[l] = larger(lanes[l], lanes[l + half]);
  }
  return lanes[0];
}

/// The first n scores of a row become exp(factor score - shift), the others up to `end` 0; returns the sum.
/// `end` is a multiple of kGroup.
template <class T>
DLB_INLINE T exponentials(T* __restrict row, int64_t n, int64_t end, T factor, T shift) {
  T lanes[kGroup] = {};
  int64_t c = 0;
  for (; c + kGroup <= n; c += kGroup) {
    for (int64_t l = 0; l < kGroup; ++l) {
      const T e = fast_exp(row[c + l] * factor - shift);
      row[c + l] = e;
      lanes[l] += e;
    }
  }
  if (c < n) {
    const auto left = static_cast<int32_t>(n - c);
    for (int32_t l = 0; l < kGroup; ++l) {
      const T e = l < left ? fast_exp(row[c + l] * factor - shift) : T(0);
      row[c + l] = e;
      lanes[l] += e;
    }
    c += kGroup;
  }
  for (; c < end; c += kGroup) {
    for (int64_t l = 0; l < kGroup; ++l) row[c + l] = T(0);
  }
  for (int64_t half = kGroup / 2; half > 0; half /= 2) {
    for (int64_t l = 0; l < half; ++l) lanes[l] += lanes[l + half];
  }
  return lanes[0];
}

/// Dropout of a tile: x := x / (1 - p) where the weight's random number is at least p, else 0. Both tensors
/// of a gradient get the same mask.
template <class T>
void drop(const Problem<T>& p, const Place& at, T* x, T* also) {
  const uint32_t threshold = static_cast<uint32_t>(std::ceil(p.attrs.dropout * 0x1p24));
  const T scale = p.attrs.dropout < 1 ? static_cast<T>(1 / (1 - p.attrs.dropout)) : T(0);
  uint32_t words[128 + kPhiloxWords];
  for (int64_t r = 0; r < at.rows; ++r) {
    const int64_t first = ((at.b * p.heads + at.h) * p.rows + at.i + r) * p.positions + at.j;
    const int64_t skip = first % kPhiloxWords;
    philox_fill(p.attrs.key, static_cast<uint64_t>(first / kPhiloxWords), words, at.positions + skip);
    simd([&] {
      for (int64_t c = 0; c < at.positions; ++c) {
        const T factor = (words[skip + c] >> 8) >= threshold ? scale : T(0);
        x[r * p.stride + c] *= factor;
        if (also != nullptr) also[r * p.stride + c] *= factor;
      }
    });
  }
}

}  // namespace dlb::backend::cpu::tiles
