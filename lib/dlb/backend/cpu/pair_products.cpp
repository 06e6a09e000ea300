#include "dlb/ops/pair_products.h"

#include <algorithm>
#include <vector>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/tile_gemm.h"
#include "dlb/base/threads.h"

namespace dlb::backend::cpu {
namespace {

struct Sizes {
  int64_t n, width, stride, pairs;  // stride: of a row of all products
  bool self;

  Sizes(const Tensor& x, bool with_self)
      : n(x.dim(1)),
        width(x.dim(2)),
        stride((n + 15) / 16 * 16),
        pairs(n * (with_self ? n + 1 : n - 1) / 2),
        self(with_self) {}
  int64_t row(int64_t i) const { return i + (self ? 1 : 0); }
  int64_t grain() const { return 1 + 16384 / std::max<int64_t>(n * n * width, 1); }
};

template <class T>
void products(const Tensor& x, const Tensor& y, const Sizes& s) {
  parallel_for(x.dim(0), s.grain(), [&](int64_t begin, int64_t end) {
    std::vector<T> columns(static_cast<size_t>(s.width * s.stride));
    std::vector<T> all(static_cast<size_t>(s.n * s.stride));
    for (int64_t sample = begin; sample < end; ++sample) {
      const T* const from = x.data<T>() + sample * s.n * s.width;
      tile_transpose(from, s.width, columns.data(), s.stride, s.n, s.width);
      tile_gemm(s.n, s.stride, s.width, {from, s.width, 1}, columns.data(), s.stride, all.data(), s.stride,
                false);
      T* to = y.data<T>() + sample * s.pairs;
      for (int64_t i = 0; i < s.n; ++i) to = std::copy_n(all.data() + i * s.stride, s.row(i), to);
    }
  });
}

template <class T>
void gradient(const Tensor& g, const Tensor& x, const Tensor& dx, const Sizes& s) {
  parallel_for(x.dim(0), s.grain(), [&](int64_t begin, int64_t end) {
    std::vector<T> all(static_cast<size_t>(s.n * s.n), T(0));
    for (int64_t sample = begin; sample < end; ++sample) {
      // Both triangles, the diagonal twice.
      const T* from = g.data<T>() + sample * s.pairs;
      for (int64_t i = 0; i < s.n; ++i) {
        for (int64_t j = 0; j < i; ++j)
          all[static_cast<size_t>(i * s.n + j)] = all[static_cast<size_t>(j * s.n + i)] = *from++;
        if (s.self) all[static_cast<size_t>(i * s.n + i)] = 2 * *from++;
      }
      tile_gemm(s.n, s.width, s.n, {all.data(), s.n, 1}, x.data<T>() + sample * s.n * s.width, s.width,
                dx.data<T>() + sample * s.n * s.width, s.width, false);
    }
  });
}

void in_type(const Tensor& y, const auto& f) {
  if (y.numel() == 0) return;
  if (y.dtype() == DType::kFloat64) return f(double{}, y);
  if (y.dtype() == DType::kFloat32) return f(float{}, y);
  const Tensor wide = Tensor::empty(y.shape());
  f(float{}, wide);
  y.assign(wide);
}

template <class T>
Tensor typed(const Tensor& t) {
  return row_major(as_dtype(t, DTypeOf<T>::value));
}

void products_kernel(const KernelArgs& args, const PairAttrs& a) {
  in_type(args.out(0), [&](auto tag, const Tensor& y) {
    using T = decltype(tag);
    const Tensor x = typed<T>(args.in(0));
    products<T>(x, y, Sizes(x, a.self));
  });
}

void gradient_kernel(const KernelArgs& args, const PairAttrs& a) {
  in_type(args.out(0), [&](auto tag, const Tensor& dx) {
    using T = decltype(tag);
    const Tensor g = typed<T>(args.in(0)), x = typed<T>(args.in(1));
    gradient<T>(g, x, dx, Sizes(x, a.self));
  });
}

}  // namespace

void install_pair_products() {
  set_kernel(op::pair_products(), DeviceKind::kCpu, products_kernel);
  set_kernel(op::pair_products_grad(), DeviceKind::kCpu, gradient_kernel);
}

}  // namespace dlb::backend::cpu
