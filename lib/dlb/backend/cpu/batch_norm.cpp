#include <algorithm>

#include "dlb/backend/cpu/columns.h"
#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/norm_support.h"
#include "dlb/backend/cpu/scratch.h"
#include "dlb/backend/cpu/stream.h"
#include "dlb/base/threads.h"
#include "dlb/ops/norm_defs.h"

namespace dlb::backend::cpu {
namespace {

/// A channels-last image as a matrix [N * space, C], in blocks of rows that depend on its size alone.
struct Blocks {
  int64_t rows, channels, block_rows, count;

  explicit Blocks(const Tensor& x) : channels(x.dim(1)) {
    rows = channels == 0 ? 0 : x.numel() / channels;
    const int64_t together = std::max<int64_t>(1, column_lanes(channels) / std::max<int64_t>(channels, 1));
    // A block of about 32 KiB is read twice, the second time from the first-level cache.
    block_rows = std::max<int64_t>(1, 8192 / std::max<int64_t>(channels * together, 1)) * together;
    count = (rows + block_rows - 1) / block_rows;
  }

  /// Calls f(first element, rows, output) for all blocks, split over threads; large outputs are streamed.
  template <class T, class F>
  void write(T* out, const F& f) const {
    const auto element = static_cast<int64_t>(sizeof(T));
    const bool streamed = past_caches(rows * channels * element) && block_rows * channels <= 65536;
    parallel_for(count, 2, [&](int64_t begin, int64_t end) {
      const Scratch<T> buffer(streamed ? block_rows * channels : 0);
      for (int64_t b = begin; b < end; ++b) {
        const int64_t first = b * block_rows * channels;
        const int64_t n = std::min(block_rows, rows - b * block_rows);
        f(first, n, streamed ? buffer.data() : out + first);
        if (streamed) stream(out + first, buffer.data(), n * channels * element);
      }
      if (streamed) end_stream();
    });
  }

  /// Calls f(block, first element, rows) for all blocks, split over threads.
  template <class F>
  void parallel(const F& f) const {
    parallel_for(count, 2, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        f(b, b * block_rows * channels, std::min(block_rows, rows - b * block_rows));
      }
    });
  }
};

template <class T>
void stats(const Tensor& x, const Tensor& mean_out, const Tensor& var_out) {
  using A = compute_t<T>;
  const Blocks b(x);
  const size_t channels = static_cast<size_t>(b.channels);
  std::vector<double> means(static_cast<size_t>(b.count) * channels);
  std::vector<double> squares(means.size());
  b.parallel([&](int64_t block, int64_t first, int64_t rows) {
    const T* data = x.data<T>() + first;
    double* mean = means.data() + static_cast<size_t>(block) * channels;
    double* square = squares.data() + static_cast<size_t>(block) * channels;
    std::vector<A> lanes(static_cast<size_t>(column_lanes(b.channels)));
    // Values are taken relative to the first row, so that their sum keeps its digits when the mean is large.
    std::vector<A> base(channels);
    for (size_t c = 0; c < channels; ++c) base[c] = load(data[c]);
    const std::vector<A> bases = repeat_columns(base);
    simd([&, m = bases.data()] {
      add_columns<A>(rows, b.channels, lanes.data(), mean,
                     [&](int64_t i, int64_t l) { return load(data[i]) - m[l]; });
    });
    std::vector<A> center(channels);
    for (size_t c = 0; c < channels; ++c) {
      mean[c] = mean[c] / static_cast<double>(rows) + static_cast<double>(base[c]);
      center[c] = static_cast<A>(mean[c]);
    }
    const std::vector<A> centers = repeat_columns(center);
    simd([&, m = centers.data()] {
      add_columns<A>(rows, b.channels, lanes.data(), square, [&](int64_t i, int64_t l) {
        const A d = load(data[i]) - m[l];
        return d * d;
      });
    });
    for (size_t c = 0; c < channels; ++c) {
      const double rounding = mean[c] - static_cast<double>(center[c]);
      square[c] -= rounding * rounding * static_cast<double>(rows);
    }
  });
  // Chan's formula joins the blocks in their order.
  std::vector<double> mean(channels, 0.0);
  std::vector<double> square(channels, 0.0);
  double seen = 0;
  for (int64_t block = 0; block < b.count; ++block) {
    const double rows = static_cast<double>(std::min(b.block_rows, b.rows - block * b.block_rows));
    const double total = seen + rows;
    for (size_t c = 0; c < channels; ++c) {
      const size_t at = static_cast<size_t>(block) * channels + c;
      const double delta = means[at] - mean[c];
      mean[c] += delta * rows / total;
      square[c] += squares[at] + delta * delta * seen * rows / total;
    }
    seen = total;
  }
  for (double& s : square) s = std::max(s, 0.0) / seen;
  store_vector(mean_out, mean.data());
  store_vector(var_out, square.data());
}

void stats_kernel(const KernelArgs& args, const NoAttrs&) {
  const Tensor x = channels_last(args.in(0));
  dispatch_floating(x.dtype(), [&](auto t) { stats<decltype(t)>(x, args.out(0), args.out(1)); });
}

std::vector<double> reciprocal_roots(const KernelArgs& args, int i, double eps) {
  std::vector<double> r = args.in(i).to_vector<double>();
  for (double& v : r) v = 1 / std::sqrt(v + eps);
  return r;
}

/// Factors of the centred input: weight / sqrt(var + eps).
template <class A>
std::vector<A> scales_of(const KernelArgs& args, int weight, int64_t channels,
                         const std::vector<double>& rstd) {
  std::vector<A> scale = load_vector<A>(args, weight, channels, A(1));
  for (size_t c = 0; c < scale.size(); ++c)
    scale[c] = static_cast<A>(static_cast<double>(scale[c]) * rstd[c]);
  return scale;
}

template <class T>
void normalize(const KernelArgs& args, const Tensor& x, const NormAttrs& a) {
  using A = compute_t<T>;
  const Blocks b(x);
  const std::vector<A> scale = scales_of<A>(args, 3, b.channels, reciprocal_roots(args, 2, a.eps));
  const std::vector<A> means = repeat_columns(args.in(1).to_vector<A>());
  const std::vector<A> scales = repeat_columns(scale);
  const std::vector<A> shifts = repeat_columns(load_vector<A>(args, 4, b.channels, A(0)));
  b.write(args.out(0).data<T>(), [&](int64_t first, int64_t rows, T* out) {
    const T* in = x.data<T>() + first;
    simd([&, m = means.data(), s = scales.data(), shift = shifts.data()] {
      if (a.relu) {
        each_element(rows, b.channels, [&](int64_t i, int64_t l) {
          const A y = (load(in[i]) - m[l]) * s[l] + shift[l];
          out[i] = store<T>(y < A(0) ? A(0) : y);
        });
        return;
      }
      each_element(rows, b.channels,
                   [&](int64_t i, int64_t l) { out[i] = store<T>((load(in[i]) - m[l]) * s[l] + shift[l]); });
    });
  });
}

void batch_norm_kernel(const KernelArgs& args, const NormAttrs& a) {
  const Tensor x = channels_last(args.in(0));
  dispatch_floating(x.dtype(), [&](auto t) { normalize<decltype(t)>(args, x, a); });
}

/// What the fused relu lets through of a gradient: y is computed again from x, by the same operations.
template <class A>
struct Passed {
  const A *means, *scales, *shifts;
  DLB_INLINE A operator()(A g, A x, int64_t l) const {
    return (x - means[l]) * scales[l] + shifts[l] > A(0) ? g : A(0);
  }
};
/// Without relu.
template <class A>
struct All {
  DLB_INLINE A operator()(A g, A, int64_t) const { return g; }
};

template <class T, class Pass>
void backward(const KernelArgs& args, const Tensor& g, const Tensor& x, const std::vector<double>& rstd,
              const Pass& pass) {
  using A = compute_t<T>;
  const Blocks b(x);
  const size_t channels = static_cast<size_t>(b.channels);
  const std::vector<A> means = repeat_columns(args.in(2).to_vector<A>());
  std::vector<double> blocks(static_cast<size_t>(b.count) * 2 * channels);  // sum g, sum g (x - mean)
  b.parallel([&](int64_t block, int64_t first, int64_t rows) {
    const T* gd = g.data<T>() + first;
    const T* xd = x.data<T>() + first;
    double* sums = blocks.data() + static_cast<size_t>(block) * 2 * channels;
    std::vector<A> lanes(2 * static_cast<size_t>(column_lanes(b.channels)));
    simd([&, m = means.data()] {
      add_columns<A>(
          rows, b.channels, lanes.data(), sums,
          [&, pass](int64_t i, int64_t l) { return pass(load(gd[i]), load(xd[i]), l); }, sums + channels,
          [&, pass](int64_t i, int64_t l) {
            const A v = load(xd[i]);
            return pass(load(gd[i]), v, l) * (v - m[l]);
          });
    });
  });
  const std::vector<double> sums = add_blocks(blocks, 2 * b.channels);
  const std::vector<double> weight = load_vector<double>(args, 4, b.channels, 1.0);
  // dx = scale (g - mean(g) - (x - mean) rstd^2 mean(g (x - mean)))
  std::vector<A> scale(channels);
  std::vector<A> shift(channels);
  std::vector<A> slope(channels);
  std::vector<double> weight_grad(channels);
  for (size_t c = 0; c < channels; ++c) {
    const double s = weight[c] * rstd[c];
    const double n = static_cast<double>(b.rows);
    scale[c] = static_cast<A>(s);
    shift[c] = static_cast<A>(s * sums[c] / n);
    slope[c] = static_cast<A>(s * rstd[c] * rstd[c] * sums[channels + c] / n);
    weight_grad[c] = sums[channels + c] * rstd[c];
  }
  store_vector(args.out(1), weight_grad.data());
  store_vector(args.out(2), sums.data());
  const std::vector<A> scales = repeat_columns(scale);
  const std::vector<A> shifts = repeat_columns(shift);
  const std::vector<A> slopes = repeat_columns(slope);
  b.write(args.out(0).data<T>(), [&](int64_t first, int64_t rows, T* out) {
    const T* gd = g.data<T>() + first;
    const T* xd = x.data<T>() + first;
    simd([&, m = means.data(), s = scales.data(), h = shifts.data(), k = slopes.data()] {
      each_element(rows, b.channels, [&, pass](int64_t i, int64_t l) {
        const A v = load(xd[i]);
        out[i] = store<T>(pass(load(gd[i]), v, l) * s[l] - h[l] - (v - m[l]) * k[l]);
      });
    });
  });
}

void batch_norm_grad_kernel(const KernelArgs& args, const NormAttrs& a) {
  const Tensor g = channels_last(args.in(0));
  const Tensor x = channels_last(args.in(1));
  dispatch_floating(x.dtype(), [&](auto t) {
    using T = decltype(t);
    using A = compute_t<T>;
    const std::vector<double> rstd = reciprocal_roots(args, 3, a.eps);
    if (!a.relu) return backward<T>(args, g, x, rstd, All<A>{});
    const int64_t channels = x.dim(1);
    const std::vector<A> means = repeat_columns(args.in(2).to_vector<A>());
    const std::vector<A> scales = repeat_columns(scales_of<A>(args, 4, channels, rstd));
    const std::vector<A> shifts = repeat_columns(load_vector<A>(args, 5, channels, A(0)));
    backward<T>(args, g, x, rstd, Passed<A>{means.data(), scales.data(), shifts.data()});
  });
}

}  // namespace

void install_batch_norm() {
  set_kernel(op::batch_stats(), DeviceKind::kCpu, stats_kernel);
  set_kernel(op::batch_norm_train(), DeviceKind::kCpu, batch_norm_kernel);
  set_kernel(op::batch_norm_eval(), DeviceKind::kCpu, batch_norm_kernel);
  set_kernel(op::batch_norm_grad(), DeviceKind::kCpu, batch_norm_grad_kernel);
}

}  // namespace dlb::backend::cpu
