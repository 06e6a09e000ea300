#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/row_math.h"
#include "dlb/backend/cpu/simd.h"
#include "dlb/base/threads.h"
#include "dlb/ops/softmax_defs.h"

namespace dlb::backend::cpu {
namespace {

constexpr int64_t kGrain = 8192;

/// A row-major tensor as [outer, size, inner] with `size` along the dimension of the softmax.
struct Split {
  int64_t outer = 1, size = 1, inner = 1;
  Split(const Shape& shape, int64_t dim) {
    for (size_t i = 0; i < shape.size(); ++i) {
      const int64_t d = static_cast<int64_t>(i);
      (d < dim ? outer : d == dim ? size : inner) *= shape[i];
    }
  }
};

/// Calls f(in rows..., out row) on rows of the compute type, gathering rows that are strided or in 16 bits.
template <class T, size_t kInputs, class F>
void each_row(const Split& s, const std::array<const T*, kInputs>& in, T* out, const F& f) {
  using A = compute_t<T>;
  if (s.size == 0) return;
  parallel_for(s.outer * s.inner, kGrain / s.size + 1, [&](int64_t begin, int64_t end) {
    std::array<const A*, kInputs> rows;
    if constexpr (std::is_same_v<T, A>) {
      if (s.inner == 1) {
        simd([&] {
          for (int64_t row = begin; row < end; ++row) {
            for (size_t k = 0; k < kInputs; ++k) {
              rows[k] = in[k] + row * s.size;
            }
            f(rows, out + row * s.size);
          }
        });
        return;
      }
    }
    std::vector<A> buffer(static_cast<size_t>(s.size) * (kInputs + 1));
    simd([&] {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t base = row / s.inner * s.size * s.inner + row % s.inner;
        for (size_t k = 0; k < kInputs; ++k) {
          A* to = buffer.data() + k * static_cast<size_t>(s.size);
          for (int64_t i = 0; i < s.size; ++i) to[i] = load(in[k][base + i * s.inner]);
          rows[k] = to;
        }
        A* result = buffer.data() + kInputs * static_cast<size_t>(s.size);
        f(rows, result);
        for (int64_t i = 0; i < s.size; ++i) out[base + i * s.inner] = store<T>(result[i]);
      }
    });
  });
}

void softmax_kernel(const KernelArgs& args, const SoftmaxAttrs& a) {
  const Tensor x = row_major(args.in(0));
  const Split s(x.shape(), a.dim);
  dispatch_floating(x.dtype(), [&](auto t) {
    using T = decltype(t);
    using A = compute_t<T>;
    each_row<T, 1>(s, {x.data<T>()}, args.out(0).data<T>(), [&](const auto& in, A* y) {
      const A sum = row_exp(in[0], row_max(in[0], s.size), y, s.size, Ahead<A>{in[0] + s.size, y + s.size});
      const A scale = A(1) / sum;
      for (int64_t i = 0; i < s.size; ++i) y[i] *= scale;
    });
  });
}

void log_softmax_kernel(const KernelArgs& args, const SoftmaxAttrs& a) {
  const Tensor x = row_major(args.in(0));
  const Split s(x.shape(), a.dim);
  dispatch_floating(x.dtype(), [&](auto t) {
    using T = decltype(t);
    using A = compute_t<T>;
    each_row<T, 1>(s, {x.data<T>()}, args.out(0).data<T>(), [&](const auto& in, A* y) {
      const A largest = row_max(in[0], s.size);
      const A log_sum = std::log(row_exp_sum(in[0], largest, s.size, Ahead<A>{in[0] + s.size, y + s.size}));
      for (int64_t i = 0; i < s.size; ++i) y[i] = (in[0][i] - largest) - log_sum;
    });
  });
}

void softmax_grad_kernel(const KernelArgs& args, const SoftmaxAttrs& a) {
  const Tensor g = row_major(args.in(0));
  const Tensor y = row_major(args.in(1));
  const Split s(g.shape(), a.dim);
  dispatch_floating(g.dtype(), [&](auto t) {
    using T = decltype(t);
    using A = compute_t<T>;
    each_row<T, 2>(s, {g.data<T>(), y.data<T>()}, args.out(0).data<T>(), [&](const auto& in, A* dx) {
      const A dot = row_sum<A>(
          s.size, [&](int64_t i) { return in[0][i] * in[1][i]; }, Ahead<A>{in[0] + s.size, in[1] + s.size});
      for (int64_t i = 0; i < s.size; ++i) dx[i] = in[1][i] * (in[0][i] - dot);
    });
  });
}

void log_softmax_grad_kernel(const KernelArgs& args, const SoftmaxAttrs& a) {
  const Tensor g = row_major(args.in(0));
  const Tensor y = row_major(args.in(1));
  const Split s(g.shape(), a.dim);
  dispatch_floating(g.dtype(), [&](auto t) {
    using T = decltype(t);
    using A = compute_t<T>;
    each_row<T, 2>(s, {g.data<T>(), y.data<T>()}, args.out(0).data<T>(), [&](const auto& in, A* dx) {
      const A sum = row_sum<A>(
          s.size, [&](int64_t i) { return in[0][i]; }, Ahead<A>{in[0] + s.size, in[1] + s.size});
      for (int64_t i = 0; i < s.size; ++i) dx[i] = in[0][i] - fast_exp(in[1][i]) * sum;
    });
  });
}

}  // namespace

void install_softmax() {
  set_kernel(op::softmax(), DeviceKind::kCpu, softmax_kernel);
  set_kernel(op::log_softmax(), DeviceKind::kCpu, log_softmax_kernel);
  set_kernel(op::softmax_grad(), DeviceKind::kCpu, softmax_grad_kernel);
  set_kernel(op::log_softmax_grad(), DeviceKind::kCpu, log_softmax_grad_kernel);
  install_dropout();
}

}  // namespace dlb::backend::cpu
