#include <algorithm>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/norm_support.h"
#include "dlb/backend/cpu/row_math.h"
#include "dlb/backend/cpu/scratch.h"
#include "dlb/backend/cpu/stream.h"
#include "dlb/base/threads.h"
#include "dlb/ops/norm_defs.h"

namespace dlb::backend::cpu {
namespace {

constexpr int64_t kGrain = 8192;
/// Elements whose gradients of weight and bias are added up before they are joined to others.
constexpr int64_t kBlock = 65536;

struct Rows {
  int64_t size = 1, count;
  Rows(const Tensor& x, int64_t dims) {
    for (int64_t i = 0; i < dims; ++i) size *= x.dim(-1 - i);
    count = size == 0 ? 0 : x.numel() / size;
  }
  /// Rows that are streamed are computed in a buffer; it should stay in the second-level cache.
  bool streamed(size_t element) const {
    return size <= 65536 && past_caches(count * size * static_cast<int64_t>(element));
  }
};

template <class T, class A = compute_t<T>>
DLB_INLINE A mean_of_row(const T* x, int64_t n) {
  return row_sum<A>(n, [=](int64_t i) { return load(x[i]); }) / static_cast<A>(n);
}
/// From the sum of the squared deviations, which are taken in a second pass over the row, so that a large
/// mean cancels nothing.
template <class A>
DLB_INLINE A reciprocal_deviation(A squares, int64_t n, double eps) {
  return static_cast<A>(1 / std::sqrt(static_cast<double>(squares) / static_cast<double>(n) + eps));
}

/// y = (x - mean) / sqrt(var + eps) w + b
template <class T, class A = compute_t<T>>
DLB_INLINE void forward_row(const T* __restrict x, const Ahead<T>& ahead, const A* __restrict w,
                            const A* __restrict b, int64_t n, double eps, T* __restrict y) {
  const A mean = mean_of_row(x, n);
  const A squares = row_sum<A>(
      n,
      [=](int64_t i) {
        const A d = load(x[i]) - mean;
        return d * d;
      },
      ahead);
  const A rstd = reciprocal_deviation(squares, n, eps);
  each_of_row(
      n, [=](int64_t i) { y[i] = store<T>((load(x[i]) - mean) * rstd * w[i] + b[i]); }, ahead.rest());
}

template <class T>
void forward(const KernelArgs& args, const Tensor& x, const NormAttrs& a) {
  using A = compute_t<T>;
  const Rows r(x, a.dims);
  if (r.count == 0) return;
  const std::vector<A> weight = load_vector<A>(args, 1, r.size, A(1));
  const std::vector<A> bias = load_vector<A>(args, 2, r.size, A(0));
  const bool streamed = r.streamed(sizeof(T));
  parallel_for(r.count, kGrain / r.size + 1, [&](int64_t begin, int64_t end) {
    const Scratch<T> buffer(streamed ? r.size : 0);
    simd([&, w = weight.data(), b = bias.data(), n = r.size] {
      for (int64_t row = begin; row < end; ++row) {
        const T* const in = x.data<T>() + row * n;
        const T* const next = row + 1 < end ? in + n : in;
        T* const out = args.out(0).data<T>() + row * n;
        T* const y = streamed ? buffer.data() : out;
        forward_row<T>(in, Ahead<T>{next, next}, w, b, n, a.eps, y);
        if (streamed) stream(out, y, n * static_cast<int64_t>(sizeof(T)));
      }
    });
    if (streamed) end_stream();
  });
}

void layer_norm_kernel(const KernelArgs& args, const NormAttrs& a) {
  const Tensor x = row_major(args.in(0));
  dispatch_floating(x.dtype(), [&](auto t) { forward<decltype(t)>(args, x, a); });
}

/// One row: writes dx and adds to the partial gradients of weight and bias.
template <class T, class A = compute_t<T>>
DLB_INLINE void backward_row(const T* __restrict g, const T* __restrict x, const Ahead<T>& ahead,
                             const A* __restrict w, int64_t n, double eps, T* __restrict dx, A* __restrict dw,
                             A* __restrict db) {
  const A mean = mean_of_row(x, n);
  const auto [squares, plain, along] = row_sums<A>(
      n, ahead,
      [=](int64_t i) {
        const A d = load(x[i]) - mean;
        return d * d;
      },
      [=](int64_t i) { return load(g[i]) * w[i]; },
      [=](int64_t i) { return load(g[i]) * w[i] * (load(x[i]) - mean); });
  const A rstd = reciprocal_deviation(squares, n, eps);
  // dx = rstd (g w - mean(g w) - v mean(g w v)) with v = (x - mean) rstd
  const A shift = plain / static_cast<A>(n);
  const A slope = along * rstd / static_cast<A>(n);
  each_of_row(
      n,
      [=](int64_t i) {
        const A gi = load(g[i]);
        const A value = (load(x[i]) - mean) * rstd;
        dx[i] = store<T>(rstd * (gi * w[i] - shift - value * slope));
        dw[i] += gi * value;
        db[i] += gi;
      },
      ahead.rest());
}

template <class T>
void backward(const KernelArgs& args, const Tensor& g, const Tensor& x, const NormAttrs& a) {
  using A = compute_t<T>;
  const Rows r(x, a.dims);
  const std::vector<A> weight = load_vector<A>(args, 2, r.size, A(1));
  // The partial sums belong to blocks of rows that depend on the sizes alone.
  const int64_t block_rows =
      std::max({int64_t{16}, (r.count + 63) / 64, kBlock / std::max<int64_t>(r.size, 1)});
  const int64_t blocks = (r.count + block_rows - 1) / block_rows;
  const int64_t width = 2 * r.size;
  std::vector<double> sums(static_cast<size_t>(blocks * width));
  const bool streamed = r.streamed(sizeof(T));
  parallel_for(
      blocks, kGrain / (std::max<int64_t>(r.size, 1) * block_rows) + 1, [&](int64_t begin, int64_t end) {
        const Scratch<A> partial(width);
        const Scratch<T> buffer(streamed ? r.size : 0);
        for (int64_t block = begin; block < end; ++block) {
          std::fill_n(partial.data(), width, A(0));
          simd([&, n = r.size, dw = partial.data(), w = weight.data()] {
            const T* const gd = g.data<T>();
            const T* const xd = x.data<T>();
            const int64_t last = std::min(r.count, (block + 1) * block_rows);
            for (int64_t row = block * block_rows; row < last; ++row) {
              const int64_t at = row * n;
              const int64_t next = std::min(row + 1, last - 1) * n;
              T* const out = args.out(0).data<T>() + at;
              T* const dx = streamed ? buffer.data() : out;
              backward_row<T>(gd + at, xd + at, Ahead<T>{gd + next, xd + next}, w, n, a.eps, dx, dw, dw + n);
              if (streamed) stream(out, dx, n * static_cast<int64_t>(sizeof(T)));
            }
          });
          std::copy_n(partial.data(), width, sums.begin() + block * width);
        }
        if (streamed) end_stream();
      });
  if (width == 0) return;
  const std::vector<double> total = add_blocks(sums, width);
  store_vector(args.out(1), total.data());
  store_vector(args.out(2), total.data() + r.size);
}

void layer_norm_grad_kernel(const KernelArgs& args, const NormAttrs& a) {
  const Tensor g = row_major(args.in(0));
  const Tensor x = row_major(args.in(1));
  dispatch_floating(x.dtype(), [&](auto t) { backward<decltype(t)>(args, g, x, a); });
}

}  // namespace

void install_layer_norm() {
  set_kernel(op::layer_norm(), DeviceKind::kCpu, layer_norm_kernel);
  set_kernel(op::layer_norm_grad(), DeviceKind::kCpu, layer_norm_grad_kernel);
}

}  // namespace dlb::backend::cpu
