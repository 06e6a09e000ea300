// Attention forward: each tile of rows walks over the tiles of positions with a running maximum and sum, so
// that the scores of no more than a tile are in memory.
#include "dlb/backend/cpu/attention.h"

#include "dlb/backend/cpu/attention_tiles.h"
#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"

namespace dlb::backend::cpu {
namespace {

using namespace tiles;

/// What a thread keeps of a group of heads and of the rows of a tile.
template <class T>
struct State {
  Scratch<T> memory;
  T *keys, *value_rows, *q, *scores, *sums, *largest, *total;
  const T* values = nullptr;
  int64_t group = -1;  // whose keys and values these are

  explicit State(const Problem<T>& p)
      : memory(p.position_tiles * p.stride * p.width + p.positions * p.value_width +
               p.row_tile * (p.width + p.stride + p.value_width + 2)) {
    keys = memory.data();
    value_rows = keys + p.position_tiles * p.stride * p.width;
    scores = value_rows + p.positions * p.value_width;
    q = scores + p.row_tile * p.stride;
    sums = q + p.row_tile * p.width;
    largest = sums + p.row_tile * p.value_width;
    total = largest + p.row_tile;
  }

  void load_group(const Problem<T>& p, int64_t b, int64_t g) {
    if (group == b * p.groups + g) return;
    group = b * p.groups + g;
    transposed_tiles(p, p.k.at(b, g, 0), p.k.row, p.width, keys);
    values = dense_rows(p.v.at(b, g, 0), p.v.row, value_rows, p.positions, p.value_width);
  }
};

/// Scores become weights exp(score - largest); the sums so far are scaled to a new maximum.
template <class T>
DLB_INLINE void online_softmax(const Problem<T>& p, const Place& at, State<T>& s) {
  constexpr T kNothing = -std::numeric_limits<T>::infinity();
  const T factor = p.factor();
  for (int64_t r = 0; r < at.rows; ++r) {
    T* const row = s.scores + r * p.stride;
    const int64_t n = visible(p, at, r);
    const T before = s.largest[r];
    const T now = larger(before, n > 0 ? largest_score(row, n) * factor : kNothing);
    const T shift = now == kNothing ? T(0) : now;
    const T sum = exponentials(row, n, padded(at.positions), factor, shift);
    s.largest[r] = now;
    if (before == now || at.j == 0) {
      s.total[r] += sum;
      continue;
    }
    const T shrink = before == kNothing ? T(0) : static_cast<T>(fast_exp(before - shift));
    s.total[r] = s.total[r] * shrink + sum;
    T* const __restrict y = s.sums + r * p.value_width;
    for (int64_t d = 0; d < p.value_width; ++d) y[d] *= shrink;
  }
}

template <class T>
void row_tile(const Problem<T>& p, int64_t b, int64_t h, int64_t i, const Heads<T>& y, T* log_sum,
              State<T>& s) {
  const int64_t rows = std::min(p.row_tile, p.rows - i);
  s.load_group(p, b, h / p.heads_per_group());
  const T* const q = dense_rows(p.q.at(b, h, i), p.q.row, s.q, rows, p.width);
  std::fill(s.largest, s.largest + rows, -std::numeric_limits<T>::infinity());
  std::fill(s.total, s.total + rows, T(0));
  if (p.position_tiles == 0) std::fill(s.sums, s.sums + rows * p.value_width, T(0));
  for (int64_t tile = 0; tile < p.visible_tiles(i); ++tile) {
    const int64_t j = tile * p.position_tile;
    const Place at = place(p, b, h, i, j);
    row_pieces(p, at, [&](int64_t r, int64_t n, int64_t positions) {
      tile_gemm(n, padded(positions), p.width, {q + r * p.width, p.width, 1},
                s.keys + tile * p.width * p.stride, p.stride, s.scores + r * p.stride, p.stride, false);
    });
    simd([&] {
      if (p.prepares()) prepare_scores(p, at, s.scores);
      online_softmax(p, at, s);
    });
    if (p.attrs.dropout > 0) drop(p, at, s.scores, static_cast<T*>(nullptr));
    row_pieces(p, at, [&](int64_t r, int64_t n, int64_t positions) {
      tile_gemm(n, p.value_width, positions, {s.scores + r * p.stride, p.stride, 1},
                s.values + j * p.value_width, p.value_width, s.sums + r * p.value_width, p.value_width,
                tile > 0);
    });
  }
  simd([&] {
    for (int64_t r = 0; r < rows; ++r) {
      // Of no position at all, the weights are 0.
      const T scale = s.total[r] == T(0) ? T(0) : T(1) / s.total[r];
      const T* const __restrict from = s.sums + r * p.value_width;
      T* const __restrict to = y.at(b, h, i + r);
      for (int64_t d = 0; d < p.value_width; ++d) to[d] = from[d] * scale;
    }
  });
  for (int64_t r = 0; r < rows; ++r)
    log_sum[(b * p.heads + h) * p.rows + i + r] = s.largest[r] + std::log(s.total[r]);
}

template <class T>
void attend(const Problem<T>& p, const Heads<T>& y, T* log_sum) {
  if (p.batch * p.heads * p.rows == 0) return;
  const int64_t tiles = p.row_tiles;
  // With `causal` the last tiles have the most to do: from both ends in turn, the ranges of the threads are
  // about equal.
  parallel_for(p.batch * p.heads * tiles, p.grain(), [&](int64_t begin, int64_t end) {
    State<T> state(p);
    for (int64_t t = begin; t < end; ++t) {
      const int64_t n = t % tiles;
      const int64_t tile = n % 2 == 0 ? n / 2 : tiles - 1 - n / 2;
      const int64_t head = t / tiles;
      row_tile(p, head / p.heads, head % p.heads, tile * p.row_tile, y, log_sum, state);
    }
  });
}

/// `count` heads from `first` of [B, T, H, E], as [B, count, T, E].
Tensor heads_of(const Tensor& x, int64_t first, int64_t count) {
  const Strides& s = x.strides();
  return Tensor::wrap(
      x.storage(), x.offset() + first * s[2],
      {x.dtype(), x.device(), {x.dim(0), count, x.dim(1), x.dim(3)}, {s[0], s[2], s[1], s[3]}});
}

void attention_kernel(const KernelArgs& args, const AttentionAttrs& a) {
  attention_forward(args.in(0), args.in(1), args.in(2), args.has(3) ? args.in(3) : Tensor{}, args.out(0),
                    args.out(1), a);
}

void attention_grad_kernel(const KernelArgs& args, const AttentionAttrs& a) {
  attention_backward(args.in(0), args.in(1), args.in(2), args.in(3), args.has(4) ? args.in(4) : Tensor{},
                     args.in(5), args.in(6), args.out(0), args.out(1), args.out(2), a);
}

void packed_kernel(const KernelArgs& args, const PackedAttentionAttrs& a) {
  const Tensor& x = args.in(0);
  attention_forward(heads_of(x, 0, a.heads), heads_of(x, a.heads, a.kv_heads),
                    heads_of(x, a.heads + a.kv_heads, a.kv_heads), {}, heads_of(args.out(0), 0, a.heads),
                    args.out(1), a.form);
}

void packed_grad_kernel(const KernelArgs& args, const PackedAttentionAttrs& a) {
  const Tensor& x = args.in(1);
  const Tensor& dx = args.out(0);
  attention_backward(heads_of(args.in(0), 0, a.heads), heads_of(x, 0, a.heads),
                     heads_of(x, a.heads, a.kv_heads), heads_of(x, a.heads + a.kv_heads, a.kv_heads), {},
                     heads_of(args.in(2), 0, a.heads), args.in(3), heads_of(dx, 0, a.heads),
                     heads_of(dx, a.heads, a.kv_heads), heads_of(dx, a.heads + a.kv_heads, a.kv_heads),
                     a.form);
}

}  // namespace

Tensor attention_rows(const Tensor& t) { return t.strides()[3] == 1 || t.dim(3) <= 1 ? t : row_major(t); }

void attention_forward(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& mask,
                       const Tensor& y, const Tensor& log_sum, const AttentionAttrs& a) {
  const Tensor q = attention_rows(query), k = attention_rows(key), v = attention_rows(value);
  if (y.dtype() == DType::kFloat64) {
    return attend(Problem<double>(q, k, v, mask, a), Heads<double>(y), log_sum.data<double>());
  }
  if (y.dtype() == DType::kFloat32) {
    return attend(Problem<float>(q, k, v, mask, a), Heads<float>(y), log_sum.data<float>());
  }
  const auto wide = [](const Tensor& t) { return row_major(as_dtype(t, DType::kFloat32)); };
  const Tensor result = Tensor::empty(y.shape());
  const bool added = mask.defined() && mask.dtype() != DType::kBool;
  const Tensor wide_q = wide(q), wide_k = wide(k), wide_v = wide(v);
  const Tensor wide_mask = added ? as_dtype(mask, DType::kFloat32) : mask;
  attend(Problem<float>(wide_q, wide_k, wide_v, wide_mask, a), Heads<float>(result), log_sum.data<float>());
  y.assign(result);
}

void install_attention() {
  set_kernel(op::attention(), DeviceKind::kCpu, attention_kernel);
  set_kernel(op::attention_grad(), DeviceKind::kCpu, attention_grad_kernel);
  set_kernel(op::packed_attention(), DeviceKind::kCpu, packed_kernel);
  set_kernel(op::packed_attention_grad(), DeviceKind::kCpu, packed_grad_kernel);
}

}  // namespace dlb::backend::cpu
