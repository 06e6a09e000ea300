#include <algorithm>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/norm_support.h"
#include "dlb/backend/cpu/row_math.h"
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
};

template <class A>
struct Moments {
  A mean, rstd;
};

/// Of a row; the deviations are summed in a second pass over it, so that a large mean cancels nothing.
template <class T, class A = compute_t<T>>
DLB_INLINE Moments<A> moments(const T* x, int64_t n, double eps, const Ahead<T>& ahead) {
  const A mean = row_sum<A>(n, [&](int64_t i) { return load(x[i]); }) / static_cast<A>(n);
  const A squares = row_sum<A>(
      n,
      [&](int64_t i) {
        const A d = load(x[i]) - mean;
        return d * d;
      },
      ahead);
  const double var = static_cast<double>(squares) / static_cast<double>(n);
  return {mean, static_cast<A>(1 / std::sqrt(var + eps))};
}

template <class T>
void forward(const KernelArgs& args, const Tensor& x, const NormAttrs& a) {
  using A = compute_t<T>;
  const Rows r(x, a.dims);
  if (r.count == 0) return;
  const std::vector<A> weight = load_vector<A>(args, 1, r.size, A(1));
  const std::vector<A> bias = load_vector<A>(args, 2, r.size, A(0));
  parallel_for(r.count, kGrain / r.size + 1, [&](int64_t begin, int64_t end) {
    simd([&, w = weight.data(), b = bias.data()] {
      for (int64_t row = begin; row < end; ++row) {
        const T* in = x.data<T>() + row * r.size;
        T* out = args.out(0).data<T>() + row * r.size;
        const auto [mean, rstd] = moments<T>(in, r.size, a.eps, Ahead<T>{in + r.size, out + r.size});
        for (int64_t i = 0; i < r.size; ++i) out[i] = store<T>((load(in[i]) - mean) * rstd * w[i] + b[i]);
      }
    });
  });
}

void layer_norm_kernel(const KernelArgs& args, const NormAttrs& a) {
  const Tensor x = row_major(args.in(0));
  dispatch_floating(x.dtype(), [&](auto t) { forward<decltype(t)>(args, x, a); });
}

/// One row: writes dx and adds to the partial gradients of weight and bias.
template <class T, class A = compute_t<T>>
DLB_INLINE void backward_row(const T* __restrict g, const T* __restrict x, const A* __restrict w, int64_t n,
                             double eps, T* __restrict dx, A* __restrict dw, A* __restrict db) {
  const auto [mean, rstd] = moments<T>(x, n, eps, Ahead<T>{x + n, g + n});
  const auto [sum, along] = row_sums<A>(
      n, [&](int64_t i) { return load(g[i]) * w[i]; },
      [&](int64_t i) { return load(g[i]) * w[i] * ((load(x[i]) - mean) * rstd); });
  const A mean_sum = sum / static_cast<A>(n);
  const A mean_along = along / static_cast<A>(n);
  for (int64_t i = 0; i < n; ++i) {
    const A gi = load(g[i]);
    const A value = (load(x[i]) - mean) * rstd;
    dx[i] = store<T>(rstd * (gi * w[i] - mean_sum - value * mean_along));
    dw[i] += gi * value;
    db[i] += gi;
  }
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
  const size_t width = 2 * static_cast<size_t>(r.size);
  std::vector<double> sums(static_cast<size_t>(blocks) * width);
  parallel_for(
      blocks, kGrain / (std::max<int64_t>(r.size, 1) * block_rows) + 1, [&](int64_t begin, int64_t end) {
        std::vector<A> partial(width);
        for (int64_t block = begin; block < end; ++block) {
          std::fill(partial.begin(), partial.end(), A(0));
          simd([&] {
            A* dw = partial.data();
            const int64_t last = std::min(r.count, (block + 1) * block_rows);
            for (int64_t row = block * block_rows; row < last; ++row) {
              const int64_t at = row * r.size;
              backward_row<T>(g.data<T>() + at, x.data<T>() + at, weight.data(), r.size, a.eps,
                              args.out(0).data<T>() + at, dw, dw + r.size);
            }
          });
          std::copy(partial.begin(), partial.end(), sums.begin() + block * static_cast<int64_t>(width));
        }
      });
  if (width == 0) return;
  const std::vector<double> total = add_blocks(sums, static_cast<int64_t>(width));
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
