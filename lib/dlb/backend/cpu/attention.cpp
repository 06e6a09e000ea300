// Attention forward: each tile of rows walks over the tiles of positions with a running maximum and sum, so
// that the scores of no more than a tile are in memory.
#include <vector>

#include "dlb/backend/cpu/attention_tiles.h"
#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"

namespace dlb::backend::cpu {
namespace {

using namespace tiles;

/// What a thread keeps of the rows of a tile.
template <class T>
struct RowState {
  std::vector<T> q, scores, sums;
  T largest[kRows];
  T total[kRows];

  explicit RowState(const Problem<T>& p)
      : q(static_cast<size_t>(kRows * p.width)),
        scores(static_cast<size_t>(kRows * kPositions)),
        sums(static_cast<size_t>(kRows * p.value_width)) {}
};

/// Scores become weights exp(score - largest); the sums so far are scaled to a new maximum.
template <class T>
DLB_INLINE void online_softmax(const Place& at, int64_t value_width, RowState<T>& s) {
  constexpr T kNothing = -std::numeric_limits<T>::infinity();
  for (int64_t r = 0; r < at.rows; ++r) {
    T* const row = s.scores.data() + r * kPositions;
    const T before = s.largest[r];
    const T now = larger(before, row_max(row, at.positions));
    const T shift = now == kNothing ? T(0) : now;
    T lanes[kLanes] = {};
    for (int64_t c = 0; c < at.positions; ++c) row[c] = fast_exp(row[c] - shift);
    int64_t c = 0;
    for (; c + kLanes <= at.positions; c += kLanes) {
      for (int64_t l = 0; l < kLanes; ++l) lanes[l] += row[c + l];
    }
    for (int64_t l = 0; c + l < at.positions; ++l) lanes[l] += row[c + l];
    const T sum = add_lanes(lanes);
    s.largest[r] = now;
    if (before == now) {
      s.total[r] += sum;
      continue;
    }
    const T shrink = before == kNothing ? T(0) : static_cast<T>(fast_exp(before - shift));
    s.total[r] = s.total[r] * shrink + sum;
    T* const __restrict y = s.sums.data() + r * value_width;
    for (int64_t d = 0; d < value_width; ++d) y[d] *= shrink;
  }
}

template <class T>
void row_tile(const Problem<T>& p, const std::vector<T>& keys, int64_t b, int64_t h, int64_t i, T* y,
              const Strides& y_strides, T* log_sum, RowState<T>& s) {
  const int64_t rows = std::min(kRows, p.rows - i);
  const int64_t group = h / p.heads_per_group();
  const int64_t tiles = count(p.positions, kPositions);
  copy_rows(p.q + b * p.q_strides[0] + h * p.q_strides[1] + i * p.q_strides[2], p.q_strides[2],
            p.q_strides[3], s.q.data(), rows, p.width);
  std::fill(s.sums.begin(), s.sums.end(), T(0));
  std::fill(s.largest, s.largest + kRows, -std::numeric_limits<T>::infinity());
  std::fill(s.total, s.total + kRows, T(0));
  for (int64_t tile = 0; tile < p.visible_tiles(i); ++tile) {
    const int64_t j = tile * kPositions;
    const Place at{b, h, i, j, rows, std::min(kPositions, p.positions - j)};
    const T* const k = keys.data() + ((b * p.groups + group) * tiles + tile) * kPositions * p.width;
    tile_gemm(rows, at.positions, p.width, {s.q.data(), p.width, 1}, k, kPositions, s.scores.data(),
              kPositions, false);
    simd([&] {
      mask_scores(p, at, s.scores.data());
      online_softmax(at, p.value_width, s);
    });
    if (p.attrs.dropout > 0) drop(p, at, s.scores.data(), static_cast<T*>(nullptr));
    tile_gemm(rows, p.value_width, at.positions, {s.scores.data(), kPositions, 1}, p.values(b, group, j),
              p.value_width, s.sums.data(), p.value_width, true);
  }
  for (int64_t r = 0; r < rows; ++r) {
    // Of no position at all, the weights are 0.
    const T scale = s.total[r] == T(0) ? T(0) : T(1) / s.total[r];
    const T* const from = s.sums.data() + r * p.value_width;
    T* const to = y + b * y_strides[0] + h * y_strides[1] + (i + r) * y_strides[2];
    for (int64_t d = 0; d < p.value_width; ++d) to[d] = from[d] * scale;
    log_sum[(b * p.heads + h) * p.rows + i + r] = s.largest[r] + std::log(s.total[r]);
  }
}

template <class T>
void attend(const KernelArgs& args, const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask,
            const Tensor& y, const AttentionAttrs& a) {
  const Problem<T> p(q, k, v, mask, a);
  if (p.batch * p.heads * p.rows == 0) return;
  const std::vector<T> keys = transposed_tiles(p.k, p.batch * p.groups, p.positions, p.width);
  const int64_t tiles = count(p.rows, kRows);
  T* const out = y.data<T>();
  T* const log_sum = args.out(1).data<T>();
  const Strides strides = y.strides();
  // With `causal` the last tiles have the most to do: from both ends in turn, the ranges of the threads are
  // about equal.
  parallel_for(p.batch * p.heads * tiles, p.grain(), [&](int64_t begin, int64_t end) {
    RowState<T> state(p);
    for (int64_t t = begin; t < end; ++t) {
      const int64_t n = t % tiles;
      const int64_t tile = n % 2 == 0 ? n / 2 : tiles - 1 - n / 2;
      const int64_t head = t / tiles;
      row_tile(p, keys, head / p.heads, head % p.heads, tile * kRows, out, strides, log_sum, state);
    }
  });
}

void attention_kernel(const KernelArgs& args, const AttentionAttrs& a) {
  const Tensor& y = args.out(0);
  const Tensor mask = args.has(3) ? args.in(3) : Tensor{};
  if (y.dtype() == DType::kFloat64) {
    attend<double>(args, args.in(0), row_major(args.in(1)), row_major(args.in(2)), mask, y, a);
    return;
  }
  if (y.dtype() == DType::kFloat32) {
    attend<float>(args, args.in(0), row_major(args.in(1)), row_major(args.in(2)), mask, y, a);
    return;
  }
  const auto wide = [](const Tensor& t) { return row_major(as_dtype(t, DType::kFloat32)); };
  const Tensor result = Tensor::empty(y.shape());
  const bool added = mask.defined() && mask.dtype() != DType::kBool;
  attend<float>(args, wide(args.in(0)), wide(args.in(1)), wide(args.in(2)),
                added ? as_dtype(mask, DType::kFloat32) : mask, result, a);
  y.assign(result);
}

}  // namespace

void install_attention() {
  set_kernel(op::attention(), DeviceKind::kCpu, attention_kernel);
  install_attention_grad();
}

}  // namespace dlb::backend::cpu
