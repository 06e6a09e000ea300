// Attention backward: the weights of a tile are computed again from the log-sum-exp of its rows.
//
// With P = exp(S - log-sum-exp), D its dropout, and delta_i = sum_d g_id y_id:
//   dV = D(P)^T g,   dS = P (D(g V^T) - delta),   dQ = scale dS K,   dK = scale dS^T Q.
#include <vector>

#include "dlb/backend/cpu/attention_tiles.h"
#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"

namespace dlb::backend::cpu {
namespace {

using namespace tiles;

template <class T>
struct Backward {
  Problem<T> p;
  const T* g;                   // row-major
  const T* log_sum;             // [B, H, L]
  std::vector<T> keys, values;  // transposed tiles
  std::vector<T> delta;         // [B, H, L]
  T *dq, *dk, *dv;              // row-major

  int64_t row(int64_t b, int64_t h, int64_t i) const { return (b * p.heads + h) * p.rows + i; }
};

/// Buffers of a thread.
template <class T>
struct Buffers {
  std::vector<T> q, weights, slopes;
  explicit Buffers(const Problem<T>& p)
      : q(static_cast<size_t>(kRows * p.width)),
        weights(static_cast<size_t>(kRows * kPositions)),
        slopes(static_cast<size_t>(kRows * kPositions)) {}
};

/// P and D(g V^T) of a tile, then dS * scale in `slopes` and D(P) in `weights`. The rows of q are in the
/// buffer.
template <class T>
void tile_slopes(const Backward<T>& w, const Place& at, int64_t group, Buffers<T>& s) {
  const Problem<T>& p = w.p;
  const int64_t tile = (at.b * p.groups + group) * count(p.positions, kPositions) + at.j / kPositions;
  tile_gemm(at.rows, at.positions, p.width, {s.q.data(), p.width, 1},
            w.keys.data() + tile * kPositions * p.width, kPositions, s.weights.data(), kPositions, false);
  tile_gemm(
      at.rows, at.positions, p.value_width, {w.g + w.row(at.b, at.h, at.i) * p.value_width, p.value_width, 1},
      w.values.data() + tile * kPositions * p.value_width, kPositions, s.slopes.data(), kPositions, false);
  const T* const log_sum = w.log_sum + w.row(at.b, at.h, at.i);
  const T* const delta = w.delta.data() + w.row(at.b, at.h, at.i);
  simd([&] {
    mask_scores(p, at, s.weights.data());
    for (int64_t r = 0; r < at.rows; ++r) {
      T* const __restrict weight = s.weights.data() + r * kPositions;
      const T shift = log_sum[r] == -std::numeric_limits<T>::infinity() ? T(0) : log_sum[r];
      for (int64_t c = 0; c < at.positions; ++c) weight[c] = fast_exp(weight[c] - shift);
    }
  });
  const T scale = static_cast<T>(p.attrs.scale);
  if (p.attrs.dropout == 0) {
    simd([&] {
      for (int64_t r = 0; r < at.rows; ++r) {
        const T* const __restrict weight = s.weights.data() + r * kPositions;
        T* const __restrict slope = s.slopes.data() + r * kPositions;
        for (int64_t c = 0; c < at.positions; ++c) slope[c] = weight[c] * (slope[c] - delta[r]) * scale;
      }
    });
    return;
  }
  std::vector<T> kept = s.weights;
  drop(p, at, kept.data(), s.slopes.data());
  for (int64_t r = 0; r < at.rows; ++r) {
    for (int64_t c = 0; c < at.positions; ++c) {
      T& slope = s.slopes[static_cast<size_t>(r * kPositions + c)];
      slope = s.weights[static_cast<size_t>(r * kPositions + c)] * (slope - delta[r]) * scale;
    }
  }
  s.weights.swap(kept);
}

template <class T>
void load_queries(const Problem<T>& p, const Place& at, Buffers<T>& s) {
  copy_rows(p.q + at.b * p.q_strides[0] + at.h * p.q_strides[1] + at.i * p.q_strides[2], p.q_strides[2],
            p.q_strides[3], s.q.data(), at.rows, p.width);
}

/// dQ of a tile, rows [width], from what tile_slopes() left.
template <class T>
void add_query_grad(const Backward<T>& w, const Place& at, int64_t group, const Buffers<T>& s) {
  const Problem<T>& p = w.p;
  tile_gemm(at.rows, p.width, at.positions, {s.slopes.data(), kPositions, 1}, p.keys(at.b, group, at.j),
            p.width, w.dq + w.row(at.b, at.h, at.i) * p.width, p.width, true);
}

/// dK and dV of the positions of a tile, and dQ of all rows on the way if wanted.
template <class T>
void position_tile(const Backward<T>& w, int64_t b, int64_t group, int64_t j, bool queries, Buffers<T>& s) {
  const Problem<T>& p = w.p;
  const int64_t positions = std::min(kPositions, p.positions - j);
  const int64_t row = (b * p.groups + group) * p.positions + j;
  for (int64_t h = group * p.heads_per_group(); h < (group + 1) * p.heads_per_group(); ++h) {
    for (int64_t i = 0; i < p.rows; i += kRows) {
      const Place at{b, h, i, j, std::min(kRows, p.rows - i), positions};
      if (p.attrs.causal && i + at.rows <= j) continue;
      load_queries(p, at, s);
      tile_slopes(w, at, group, s);
      tile_gemm(positions, p.value_width, at.rows, {s.weights.data(), 1, kPositions},
                w.g + w.row(b, h, i) * p.value_width, p.value_width, w.dv + row * p.value_width,
                p.value_width, true);
      tile_gemm(positions, p.width, at.rows, {s.slopes.data(), 1, kPositions}, s.q.data(), p.width,
                w.dk + row * p.width, p.width, true);
      if (queries) add_query_grad(w, at, group, s);
    }
  }
}

/// delta_i = sum_d g_id y_id.
template <class T>
std::vector<T> row_products(const Problem<T>& p, const T* g, const Tensor& y) {
  std::vector<T> delta(static_cast<size_t>(p.batch * p.heads * p.rows));
  const T* const values = y.data<T>();
  const Strides& m = y.strides();
  parallel_for(p.batch * p.heads * p.rows, 256, [&](int64_t begin, int64_t end) {
    simd([&] {
      for (int64_t n = begin; n < end; ++n) {
        const int64_t head = n / p.rows;
        const T* const row = values + head / p.heads * m[0] + head % p.heads * m[1] + n % p.rows * m[2];
        const T* const slope = g + n * p.value_width;
        delta[static_cast<size_t>(n)] =
            row_sum<T>(p.value_width, [&](int64_t d) { return slope[d] * row[d]; });
      }
    });
  });
  return delta;
}

template <class T>
void backward(const Problem<T>& p, const Tensor& g, const Tensor& y, const Tensor& log_sum,
              std::span<Tensor> out) {
  for (const Tensor& t : out) std::fill(t.data<T>(), t.data<T>() + t.numel(), T(0));
  if (p.batch * p.heads * p.rows * p.positions == 0) return;
  const int64_t groups = p.batch * p.groups;
  const Backward<T> w{p,
                      g.data<T>(),
                      log_sum.data<T>(),
                      transposed_tiles(p.k, groups, p.positions, p.width),
                      transposed_tiles(p.v, groups, p.positions, p.value_width),
                      row_products(p, g.data<T>(), y),
                      out[0].data<T>(),
                      out[1].data<T>(),
                      out[2].data<T>()};
  const int64_t tiles = count(p.positions, kPositions);
  // Few heads for many threads: dQ in a pass of its own, which computes scores twice but splits by tiles.
  // Either way each sum runs over the tiles in the same order.
  const bool by_heads = groups >= threads();
  parallel_for(by_heads ? groups : groups * tiles, p.grain(), [&](int64_t begin, int64_t end) {
    Buffers<T> buffers(p);
    for (int64_t t = begin; t < end; ++t) {
      if (!by_heads) {
        position_tile(w, t / tiles / p.groups, t / tiles % p.groups, t % tiles * kPositions, false, buffers);
        continue;
      }
      for (int64_t tile = 0; tile < tiles; ++tile) {
        position_tile(w, t / p.groups, t % p.groups, tile * kPositions, true, buffers);
      }
    }
  });
  if (by_heads) return;
  const int64_t row_tiles = count(p.rows, kRows);
  parallel_for(p.batch * p.heads * row_tiles, p.grain(), [&](int64_t begin, int64_t end) {
    Buffers<T> buffers(p);
    for (int64_t t = begin; t < end; ++t) {
      const int64_t head = t / row_tiles;
      const int64_t i = t % row_tiles * kRows;
      Place at{head / p.heads, head % p.heads, i, 0, std::min(kRows, p.rows - i), 0};
      const int64_t group = at.h / p.heads_per_group();
      load_queries(p, at, buffers);
      for (int64_t tile = 0; tile < p.visible_tiles(i); ++tile) {
        at.j = tile * kPositions;
        at.positions = std::min(kPositions, p.positions - at.j);
        tile_slopes(w, at, group, buffers);
        add_query_grad(w, at, group, buffers);
      }
    }
  });
}

void attention_grad_kernel(const KernelArgs& args, const AttentionAttrs& a) {
  const Tensor mask = args.has(4) ? args.in(4) : Tensor{};
  const DType dtype = args.in(1).dtype();
  if (dtype == DType::kFloat64) {
    const Tensor k = row_major(args.in(2));
    const Tensor v = row_major(args.in(3));
    backward(Problem<double>(args.in(1), k, v, mask, a), row_major(args.in(0)), args.in(5), args.in(6),
             args.outputs);
    return;
  }
  const auto wide = [](const Tensor& t) { return as_dtype(t, DType::kFloat32); };
  const Tensor k = row_major(wide(args.in(2)));
  const Tensor v = row_major(wide(args.in(3)));
  const Tensor q = wide(args.in(1));
  const bool added = mask.defined() && mask.dtype() != DType::kBool;
  const Problem<float> p(q, k, v, added ? wide(mask) : mask, a);
  const Tensor g = row_major(wide(args.in(0)));
  const Tensor y = wide(args.in(5));
  if (dtype == DType::kFloat32) {
    backward(p, g, y, args.in(6), args.outputs);
    return;
  }
  Tensor out[3];
  for (size_t i = 0; i < 3; ++i) out[i] = Tensor::empty(args.outputs[i].shape());
  backward(p, g, y, args.in(6), std::span<Tensor>(out));
  for (size_t i = 0; i < 3; ++i) args.outputs[i].assign(out[i]);
}

}  // namespace

void install_attention_grad() { set_kernel(op::attention_grad(), DeviceKind::kCpu, attention_grad_kernel); }

}  // namespace dlb::backend::cpu
