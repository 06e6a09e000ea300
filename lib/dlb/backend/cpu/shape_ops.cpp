#include <algorithm>

#include "dlb/backend/cpu/index_support.h"
#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/strided.h"
#include "dlb/base/threads.h"
#include "dlb/ops/shape_defs.h"
#include "dlb/tensor/convert_element.h"

namespace dlb::backend::cpu {

namespace {

/// A dense tensor with one value.
void fill(const Tensor& out, double value) {
  dispatch_all(out.dtype(), [&](auto tag) {
    using T = decltype(tag);
    T* const y = out.data<T>();
    const T v = convert_element<T>(value);
    parallel_for(out.numel(), 65536, [=](int64_t begin, int64_t end) { std::fill(y + begin, y + end, v); });
  });
}

/// Copies `src` to the part of `dst` that starts at element offset `at` with those strides.
void copy_part(const Tensor& dst, int64_t at, const Strides& strides, const Tensor& src) {
  char* const first = static_cast<char*>(dst.raw()) + at * static_cast<int64_t>(dtype_size(dst.dtype()));
  copy_strided(first, dst.dtype(), strides, src.raw(), src.dtype(), src.strides(), src.shape());
}

void reshape_kernel(const KernelArgs& k, const ReshapeAttrs&) {
  // The output is row-major, in whatever shape: written as if it had the input's.
  copy_part(k.out(0), 0, contiguous_strides(k.in(0).shape()), k.in(0));
}

void contiguous_kernel(const KernelArgs& k, const ContiguousAttrs&) { copy_tensor(k.out(0), k.in(0)); }

void cat_kernel(const KernelArgs& k, const CatAttrs& a) {
  const Tensor& out = k.out(0);
  const auto dim = static_cast<size_t>(normalize_dim(a.dim, out.rank()));
  int64_t start = 0;
  for (const Tensor& part : k.inputs) {
    if (part.numel() == 0) continue;
    copy_part(out, start * out.strides()[dim], out.strides(), part);
    start += part.shape()[dim];
  }
}

void pad_kernel(const KernelArgs& k, const PadAttrs& a) {
  const Tensor& x = k.in(0);
  const Tensor& out = k.out(0);
  fill(out, a.value);
  Shape overlap = x.shape();
  int64_t from = 0;
  int64_t to = 0;
  for (size_t i = 0; i < a.pad.size() / 2; ++i) {
    const size_t d = x.shape().size() - 1 - i;
    const int64_t before = a.pad[2 * i];
    const int64_t skip = std::max<int64_t>(-before, 0);
    const int64_t place = std::max<int64_t>(before, 0);
    overlap[d] = std::max<int64_t>(std::min(x.shape()[d] - skip, out.shape()[d] - place), 0);
    from += skip * x.strides()[d];
    to += place * out.strides()[d];
  }
  if (std::find(overlap.begin(), overlap.end(), 0) != overlap.end()) return;
  const auto size = static_cast<int64_t>(dtype_size(x.dtype()));
  copy_strided(static_cast<char*>(out.raw()) + to * size, out.dtype(), out.strides(),
               static_cast<const char*>(x.raw()) + from * size, x.dtype(), x.strides(), overlap);
}

void flip_kernel(const KernelArgs& k, const FlipAttrs& a) {
  const Tensor& x = k.in(0);
  if (x.numel() == 0) return;
  Strides strides = x.strides();
  int64_t from = 0;
  for (const int64_t dim : a.dims) {
    if (x.rank() == 0) continue;
    const auto d = static_cast<size_t>(normalize_dim(dim, x.rank()));
    from += (x.shape()[d] - 1) * strides[d];
    strides[d] = -strides[d];
  }
  const auto size = static_cast<int64_t>(dtype_size(x.dtype()));
  copy_strided(k.out(0).raw(), x.dtype(), k.out(0).strides(), static_cast<const char*>(x.raw()) + from * size,
               x.dtype(), strides, x.shape());
}

void slice_scatter_kernel(const KernelArgs& k, const SliceScatterAttrs& a) {
  const Tensor& out = k.out(0);
  const auto dim = static_cast<size_t>(normalize_dim(a.dim, out.rank()));
  fill(out, 0);
  if (k.in(0).numel() == 0) return;
  Strides strides = out.strides();
  const int64_t at = a.start * strides[dim];
  if (k.in(0).shape()[dim] > 1) strides[dim] *= a.step;
  copy_part(out, at, strides, k.in(0));
}

void strided_sum_kernel(const KernelArgs& k, const StridedSumAttrs& a) {
  const Tensor& out = k.out(0);
  const Tensor& g = k.in(0);
  fill(out, 0);
  if (g.numel() == 0) return;
  // Elements that share a place add up in the order of memory, which depends on shapes alone.
  const Strides to = dims_of(a.strides);
  const Nest<2> nest = make_nest<2>(g.shape(), {&to, &g.strides()});
  const int64_t n = nest.rank == 0 ? 1 : nest.size.back();
  const int64_t to_step = nest.rank == 0 ? 0 : nest.stride[0].back();
  const int64_t from_step = nest.rank == 0 ? 0 : nest.stride[1].back();
  dispatch_all(out.dtype(), [&](auto tag) {
    using T = decltype(tag);
    T* const y = out.data<T>() + a.offset;
    const T* const x = g.data<T>();
    Odometer<2> at(nest, nest.rank - 1, 0);
    for (int64_t row = 0; row < nest.numel() / n; ++row, at.next()) {
      for (int64_t i = 0; i < n; ++i) {
        T& d = y[at.offset[0] + i * to_step];
        d = sum_of(d, x[at.offset[1] + i * from_step]);
      }
    }
  });
}

}  // namespace

void install_shape_ops() {
  set_kernel(op::reshape(), DeviceKind::kCpu, &reshape_kernel);
  set_kernel(op::contiguous(), DeviceKind::kCpu, &contiguous_kernel);
  set_kernel(op::cat(), DeviceKind::kCpu, &cat_kernel);
  set_kernel(op::pad(), DeviceKind::kCpu, &pad_kernel);
  set_kernel(op::flip(), DeviceKind::kCpu, &flip_kernel);
  set_kernel(op::slice_scatter(), DeviceKind::kCpu, &slice_scatter_kernel);
  set_kernel(op::strided_sum(), DeviceKind::kCpu, &strided_sum_kernel);
}

}  // namespace dlb::backend::cpu
