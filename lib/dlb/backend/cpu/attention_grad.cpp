// Attention backward: the weights of a tile are computed again from the log-sum-exp of its rows.
//
// With P = exp(S - log-sum-exp), D its dropout, and delta_i = sum_d g_id y_id:
//   dV = D(P)^T g,   dS = P (D(g V^T) - delta),   dQ = scale dS K,   dK = scale dS^T Q.
#include "dlb/backend/cpu/attention.h"
#include "dlb/backend/cpu/attention_tiles.h"
#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"

namespace dlb::backend::cpu {
namespace {

using namespace tiles;

template <class T>
struct Backward {
  Problem<T> p;
  Heads<const T> g, y;
  const T* log_sum;  // [B, H, L]
  Heads<T> dq, dk, dv;

  int64_t row(int64_t b, int64_t h, int64_t i) const { return (b * p.heads + h) * p.rows + i; }
};

/// What a thread keeps of a group of heads and of a tile.
template <class T>
struct State {
  Scratch<T> memory;
  T *keys, *values, *key_rows, *q_rows, *g_rows, *weights, *slopes, *kept, *delta;
  const T *k = nullptr, *q = nullptr, *g = nullptr;
  int64_t group = -1;

  explicit State(const Problem<T>& p)
      : memory(p.position_tiles * p.stride * (p.width + p.value_width) + p.positions * p.width +
               p.row_tile * (p.width + p.value_width + 3 * p.stride + 1)) {
    keys = memory.data();
    values = keys + p.position_tiles * p.stride * p.width;
    weights = values + p.position_tiles * p.stride * p.value_width;
    slopes = weights + p.row_tile * p.stride;
    kept = slopes + p.row_tile * p.stride;
    key_rows = kept + p.row_tile * p.stride;
    q_rows = key_rows + p.positions * p.width;
    g_rows = q_rows + p.row_tile * p.width;
    delta = g_rows + p.row_tile * p.value_width;
  }

  void load_group(const Problem<T>& p, int64_t b, int64_t n) {
    if (group == b * p.groups + n) return;
    group = b * p.groups + n;
    transposed_tiles(p, p.k.at(b, n, 0), p.k.row, p.width, keys);
    transposed_tiles(p, p.v.at(b, n, 0), p.v.row, p.value_width, values);
    k = dense_rows(p.k.at(b, n, 0), p.k.row, key_rows, p.positions, p.width);
  }

  /// Queries, gradients and delta of a tile of rows.
  void load_rows(const Backward<T>& w, int64_t b, int64_t h, int64_t i) {
    const Problem<T>& p = w.p;
    const int64_t rows = std::min(p.row_tile, p.rows - i);
    q = dense_rows(p.q.at(b, h, i), p.q.row, q_rows, rows, p.width);
    g = dense_rows(w.g.at(b, h, i), w.g.row, g_rows, rows, p.value_width);
    simd([&] {
      for (int64_t r = 0; r < rows; ++r) {
        const T* const slope = g + r * p.value_width;
        const T* const y = w.y.at(b, h, i + r);
        delta[r] = row_sum<T>(p.value_width, [&](int64_t d) { return slope[d] * y[d]; });
      }
    });
  }
};

/// P and D(g V^T) of a tile, then dS * scale in `slopes` and D(P) in the result.
template <class T>
const T* tile_slopes(const Backward<T>& w, const Place& at, State<T>& s) {
  const Problem<T>& p = w.p;
  const int64_t tile = at.j / std::max<int64_t>(p.position_tile, 1);
  const int64_t columns = padded(at.positions);
  if (cut(p, at)) std::fill(s.slopes, s.slopes + at.rows * p.stride, T(0));  // what no product writes
  row_pieces(p, at, [&](int64_t r, int64_t n, int64_t positions) {
    tile_gemm(n, padded(positions), p.width, {s.q + r * p.width, p.width, 1},
              s.keys + tile * p.width * p.stride, p.stride, s.weights + r * p.stride, p.stride, false);
    tile_gemm(n, padded(positions), p.value_width, {s.g + r * p.value_width, p.value_width, 1},
              s.values + tile * p.value_width * p.stride, p.stride, s.slopes + r * p.stride, p.stride, false);
  });
  const T* const log_sum = w.log_sum + w.row(at.b, at.h, at.i);
  const T factor = p.factor();
  const T scale = static_cast<T>(p.attrs.scale);
  const bool drops = p.attrs.dropout > 0;
  simd([&] {
    if (p.prepares()) prepare_scores(p, at, s.weights);
    for (int64_t r = 0; r < at.rows; ++r) {
      T* const weight = s.weights + r * p.stride;
      const T shift = log_sum[r] == -std::numeric_limits<T>::infinity() ? T(0) : log_sum[r];
      exponentials(weight, visible(p, at, r), columns, factor, shift);
      if (drops) continue;
      const T delta = s.delta[r];
      const T* const __restrict from = weight;
      T* const __restrict slope = s.slopes + r * p.stride;
      for (int64_t c = 0; c < columns; c += kGroup) {
        for (int64_t l = 0; l < kGroup; ++l) slope[c + l] = from[c + l] * (slope[c + l] - delta) * scale;
      }
    }
  });
  if (!drops) return s.weights;
  std::copy(s.weights, s.weights + at.rows * p.stride, s.kept);
  drop(p, at, s.kept, s.slopes);
  for (int64_t r = 0; r < at.rows; ++r) {
    for (int64_t c = 0; c < at.positions; ++c) {
      T& slope = s.slopes[r * p.stride + c];
      slope = s.weights[r * p.stride + c] * (slope - s.delta[r]) * scale;
    }
  }
  return s.kept;
}

/// dQ of a tile from what tile_slopes() left.
template <class T>
void add_query_grad(const Backward<T>& w, const Place& at, const State<T>& s) {
  const Problem<T>& p = w.p;
  row_pieces(p, at, [&](int64_t r, int64_t n, int64_t positions) {
    tile_gemm(n, p.width, positions, {s.slopes + r * p.stride, p.stride, 1}, s.k + at.j * p.width, p.width,
              w.dq.at(at.b, at.h, at.i + r), w.dq.row, at.j > 0);
  });
}

template <class T>
void clear_rows(const Heads<T>& to, int64_t b, int64_t h, int64_t i, int64_t rows, int64_t width) {
  for (int64_t r = 0; r < rows; ++r) std::fill_n(to.at(b, h, i + r), width, T(0));
}

/// dK and dV of the positions of a tile, and dQ of all rows on the way if wanted.
template <class T>
void position_tile(const Backward<T>& w, int64_t b, int64_t group, int64_t j, bool queries, State<T>& s) {
  const Problem<T>& p = w.p;
  const int64_t positions = std::min(p.position_tile, p.positions - j);
  clear_rows(w.dk, b, group, j, positions, p.width);
  clear_rows(w.dv, b, group, j, positions, p.value_width);
  for (int64_t h = group * p.heads_per_group(); h < (group + 1) * p.heads_per_group(); ++h) {
    for (int64_t i = 0; i < p.rows; i += p.row_tile) {
      const Place at = place(p, b, h, i, j);
      if (at.positions <= 0) continue;
      s.load_rows(w, b, h, i);
      const T* const weights = tile_slopes(w, at, s);
      position_pieces(p, at, [&](int64_t c, int64_t n, int64_t r) {
        tile_gemm(n, p.value_width, at.rows - r, {weights + r * p.stride + c, 1, p.stride},
                  s.g + r * p.value_width, p.value_width, w.dv.at(b, group, j + c), w.dv.row, true);
        tile_gemm(n, p.width, at.rows - r, {s.slopes + r * p.stride + c, 1, p.stride}, s.q + r * p.width,
                  p.width, w.dk.at(b, group, j + c), w.dk.row, true);
      });
      if (queries) add_query_grad(w, at, s);
    }
  }
}

template <class T>
void backward(const Backward<T>& w) {
  const Problem<T>& p = w.p;
  const int64_t groups = p.batch * p.groups;
  if (p.positions == 0 || groups == 0) {
    for (int64_t n = 0; n < p.batch * p.heads; ++n)
      clear_rows(w.dq, n / p.heads, n % p.heads, 0, p.rows, p.width);
    return;
  }
  // Few heads for many threads: dQ in a pass of its own, which computes scores twice but splits by tiles.
  // Either way each sum runs over the tiles in the same order.
  const bool by_heads = groups >= threads();
  parallel_for(by_heads ? groups : groups * p.position_tiles, p.grain(), [&](int64_t begin, int64_t end) {
    State<T> state(p);
    for (int64_t t = begin; t < end; ++t) {
      const int64_t group = by_heads ? t : t / p.position_tiles;
      const int64_t b = group / p.groups, n = group % p.groups;
      state.load_group(p, b, n);
      if (!by_heads) {
        position_tile(w, b, n, t % p.position_tiles * p.position_tile, false, state);
        continue;
      }
      for (int64_t tile = 0; tile < p.position_tiles; ++tile)
        position_tile(w, b, n, tile * p.position_tile, true, state);
    }
  });
  if (by_heads) return;
  parallel_for(p.batch * p.heads * p.row_tiles, p.grain(), [&](int64_t begin, int64_t end) {
    State<T> state(p);
    for (int64_t t = begin; t < end; ++t) {
      const int64_t head = t / p.row_tiles;
      const int64_t b = head / p.heads, h = head % p.heads;
      const int64_t i = t % p.row_tiles * p.row_tile;
      state.load_group(p, b, h / p.heads_per_group());
      state.load_rows(w, b, h, i);
      for (int64_t tile = 0; tile < p.visible_tiles(i); ++tile) {
        const Place at = place(p, b, h, i, tile * p.position_tile);
        tile_slopes(w, at, state);
        add_query_grad(w, at, state);
      }
    }
  });
}

template <class T>
void run(const Tensor& slope, const Tensor& query, const Tensor& key, const Tensor& value, Tensor mask,
         const Tensor& result, const Tensor& log_sum, std::span<const Tensor> out, const AttentionAttrs& a) {
  const auto typed = [](const Tensor& t) { return attention_rows(as_dtype(t, DTypeOf<T>::value)); };
  const Tensor g = typed(slope), q = typed(query), k = typed(key), v = typed(value), y = typed(result);
  if (mask.defined() && mask.dtype() != DType::kBool) mask = as_dtype(mask, DTypeOf<T>::value);
  backward(Backward<T>{Problem<T>(q, k, v, mask, a), Heads<const T>(g), Heads<const T>(y), log_sum.data<T>(),
                       Heads<T>(out[0]), Heads<T>(out[1]), Heads<T>(out[2])});
}

}  // namespace

void attention_backward(const Tensor& g, const Tensor& q, const Tensor& k, const Tensor& v,
                        const Tensor& mask, const Tensor& y, const Tensor& log_sum, const Tensor& dq,
                        const Tensor& dk, const Tensor& dv, const AttentionAttrs& a) {
  const Tensor to[] = {dq, dk, dv};
  if (q.dtype() == DType::kFloat64) return run<double>(g, q, k, v, mask, y, log_sum, to, a);
  if (q.dtype() == DType::kFloat32) return run<float>(g, q, k, v, mask, y, log_sum, to, a);
  Tensor out[3];
  for (size_t i = 0; i < 3; ++i) out[i] = Tensor::empty(to[i].shape());
  run<float>(g, q, k, v, mask, y, log_sum, out, a);
  for (size_t i = 0; i < 3; ++i) to[i].assign(out[i]);
}

}  // namespace dlb::backend::cpu
