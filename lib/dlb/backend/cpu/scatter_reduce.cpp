#include <algorithm>
#include <vector>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/lines.h"
#include "dlb/backend/cpu/strided.h"
#include "dlb/ops/functors.h"
#include "dlb/ops/scatter_reduce_defs.h"
#include "dlb/tensor/convert_element.h"

namespace dlb::backend::cpu {

namespace {

/// Sums and products of integers are made in int64, of 16-bit types in float32.
template <class T>
using acc_t = std::conditional_t<std::is_integral_v<T>, int64_t, compute_t<T>>;

template <class A>
A combine(ScatterReduction reduction, A a, A b) {
  switch (reduction) {
    case ScatterReduction::kProd:
      return functor::wrap_mul(a, b);
    case ScatterReduction::kAmax:
      return functor::Maximum<A>()(a, b);
    case ScatterReduction::kAmin:
      return functor::Minimum<A>()(a, b);
    default:
      return functor::wrap_add(a, b);
  }
}

template <class A>
A divide(A sum, int64_t count) {
  if constexpr (std::is_integral_v<A>) {
    const A quotient = sum / count;
    return quotient * count > sum ? quotient - 1 : quotient;  // towards -infinity
  } else {
    return sum / static_cast<A>(count);
  }
}

template <class A>
struct Line {
  std::vector<A> value;
  std::vector<int64_t> count;
};

/// Start in a row-major tensor of shape `x` of the line that holds line i of the index.
int64_t line_start(int64_t i, const Shape& index, const Strides& strides, size_t dim) {
  int64_t at = 0;
  for (size_t d = index.size(); d-- > 0;) {
    if (d == dim) continue;
    at += i % index[d] * strides[d];
    i /= index[d];
  }
  return at;
}

template <class T>
void reduce_lines(const Tensor& index, const Tensor& src, const Tensor& out, const ScatterReduceAttrs& a) {
  using A = acc_t<T>;
  const ScatterReduction reduction = scatter_reduction_from_name(a.reduce);
  const Lines lines(index.shape(), a.dim);
  const auto dim = static_cast<size_t>(normalize_dim(a.dim, index.rank()));
  const Strides strides = contiguous_strides(out.shape());
  const int64_t n = out.shape()[dim];
  const int64_t step = strides[dim];
  const int64_t* const places = index.data<int64_t>();
  const T* const from = src.data<T>();
  T* const to = out.data<T>();
  const int64_t self = a.include_self ? 1 : 0;
  // A line of the index changes one line of the output, so lines can go in parallel, each in the index's
  // order.
  each_line(
      lines, [] { return Line<A>(); },
      [&](int64_t i, Line<A>& line) {
        T* const target = to + line_start(i, index.shape(), strides, dim);
        const int64_t start = lines.start(i);
        line.value.resize(static_cast<size_t>(n));
        line.count.assign(static_cast<size_t>(n), 0);
        for (int64_t j = 0; j < n; ++j)
          line.value[static_cast<size_t>(j)] = convert_element<A>(target[j * step]);
        for (int64_t j = 0; j < lines.size; ++j) {
          const int64_t place = places[start + j * lines.inner];
          if (place < 0 || place >= n) {
            fail(ErrorKind::kData, "scatter_reduce: index {} is out of range for {} elements", place, n);
          }
          const A v = convert_element<A>(from[start + j * lines.inner]);
          A& value = line.value[static_cast<size_t>(place)];
          int64_t& count = line.count[static_cast<size_t>(place)];
          value = count + self == 0 ? v : combine(reduction, value, v);
          ++count;
        }
        for (int64_t j = 0; j < n; ++j) {
          const int64_t count = line.count[static_cast<size_t>(j)];
          if (count == 0) continue;
          A value = line.value[static_cast<size_t>(j)];
          if (reduction == ScatterReduction::kMean) value = divide(value, count + self);
          target[j * step] = convert_element<T>(value);
        }
      });
}

void scatter_reduce_kernel(const KernelArgs& k, const ScatterReduceAttrs& a) {
  const Tensor& out = k.out(0);
  const Tensor index = row_major(as_dtype(k.in(1), DType::kInt64));
  const Tensor src = row_major(k.in(2));
  copy_tensor(out, k.in(0));
  if (index.numel() == 0) return;
  dispatch_all(out.dtype(), [&](auto tag) { reduce_lines<decltype(tag)>(index, src, out, a); });
}

}  // namespace

void install_scatter_reduce() { set_kernel(op::scatter_reduce(), DeviceKind::kCpu, &scatter_reduce_kernel); }

}  // namespace dlb::backend::cpu
