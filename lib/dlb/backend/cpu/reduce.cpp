#include "dlb/backend/cpu/reduce.h"

#include <limits>

#include "dlb/backend/cpu/convert_element.h"
#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/reducers.h"

namespace dlb::backend::cpu {

ReducePlan plan_reduction(const Tensor& x, const ReducedDims& reduced, const Strides& out_strides) {
  ReducePlan plan;
  const Nest<2> nest = make_nest<2>(x.shape(), {&x.strides(), &out_strides});
  const auto add = [&](Nest<2>& to, size_t d) {
    ++to.rank;
    to.size.push_back(nest.size[d]);
    for (size_t t = 0; t < 2; ++t) to.stride[t].push_back(nest.stride[t][d]);
  };
  for (size_t i = 0; i < reduced.size(); ++i) plan.count *= reduced[i] ? x.shape()[i] : 1;
  if (nest.rank == 0) return plan;
  const auto last = static_cast<size_t>(nest.rank - 1);
  for (size_t d = 0; d < last; ++d) add(nest.stride[1][d] == 0 ? plan.reduced : plan.kept, d);
  plan.inner = nest.size[last];
  plan.inner_in = nest.stride[0][last];
  plan.inner_out = nest.stride[1][last];
  plan.inner_reduced = plan.inner_out == 0;
  return plan;
}

namespace {

/// The output's strides at the input's dimensions, 0 where reduced.
Strides out_strides(const Tensor& x, const Tensor& out, const ReducedDims& reduced, bool keepdim) {
  Strides strides;
  size_t at = 0;
  for (size_t i = 0; i < x.shape().size(); ++i) {
    strides.push_back(reduced[i] ? 0 : out.strides()[at]);
    if (!reduced[i] || keepdim) ++at;
  }
  return strides;
}

/// Writes the result of reducing nothing.
template <class R>
void fill_empty(const Tensor& out) {
  const typename R::Acc value = R::finish(static_cast<typename R::Acc>(R::kStart), 0);
  converter(DTypeOf<typename R::Acc>::value, out.dtype())(&value, 0, out.raw(), 1, out.numel());
}

template <class R>
void reduce(const KernelArgs& k, const ReduceAttrs& a) {
  const Tensor& x = k.in(0);
  const Tensor& out = k.out(0);
  if (out.numel() == 0) return;
  if (x.numel() == 0) return fill_empty<R>(out);
  const ReducedDims reduced = reduced_dims(a, x.rank());
  run_reduction<R>(plan_reduction(x, reduced, out_strides(x, out, reduced, a.keepdim)), x, out);
}

/// Picks the reducer for the dtype in which is computed.
template <template <class> class R>
void numeric_kernel(const KernelArgs& k, const ReduceAttrs& a) {
  const DType dtype = k.in(0).dtype();
  if (dtype == DType::kFloat64) return reduce<R<double>>(k, a);
  if (is_floating(dtype)) return reduce<R<float>>(k, a);
  reduce<R<int64_t>>(k, a);
}
template <template <class> class R>
void floating_kernel(const KernelArgs& k, const ReduceAttrs& a) {
  if (k.in(0).dtype() == DType::kFloat64) return reduce<R<double>>(k, a);
  reduce<R<float>>(k, a);
}

/// Index of the first x[i * stride], i < n, that none beats; NaN beats everything.
template <bool kLargest, class T>
int64_t first_best(const T* x, int64_t stride, int64_t n) {
  using C = compute_t<T>;
  int64_t best = 0;
  C value = static_cast<C>(x[0]);
  for (int64_t i = 1; i < n; ++i) {
    const C v = static_cast<C>(x[i * stride]);
    const bool better = kLargest ? v > value : v < value;
    if (better || (v != v && value == value)) {
      best = i;
      value = v;
    }
  }
  return best;
}

template <bool kLargest>
void arg_kernel(const KernelArgs& k, const ArgReduceAttrs& a) {
  const Tensor x = row_major(k.in(0));
  int64_t* const out = k.out(0).data<int64_t>();
  if (x.rank() == 0) {
    *out = 0;
    return;
  }
  const int dim = normalize_dim(a.dim, x.rank());
  const int64_t n = x.dim(dim);
  const int64_t inner = dim + 1 < x.rank() ? x.strides()[static_cast<size_t>(dim)] : 1;
  dispatch_all(x.dtype(), [&](auto tag) {
    using T = decltype(tag);
    const T* const data = x.data<T>();
    parallel_for(k.out(0).numel(), std::max<int64_t>(kReduceGroup / n, 1), [=](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        out[i] = first_best<kLargest>(data + i / inner * n * inner + i % inner, inner, n);
      }
    });
  });
}

}  // namespace

void install_reduce() {
  set_kernel(op::sum(), DeviceKind::kCpu, &numeric_kernel<Sum>);
  set_kernel(op::mean(), DeviceKind::kCpu, &floating_kernel<Mean>);
  set_kernel(op::norm(), DeviceKind::kCpu, &floating_kernel<Norm>);
  set_kernel(op::amax(), DeviceKind::kCpu, &numeric_kernel<Largest>);
  set_kernel(op::amin(), DeviceKind::kCpu, &numeric_kernel<Smallest>);
  set_kernel(op::any(), DeviceKind::kCpu, &reduce<Any>);
  set_kernel(op::all(), DeviceKind::kCpu, &reduce<All>);
  set_kernel(op::argmax(), DeviceKind::kCpu, &arg_kernel<true>);
  set_kernel(op::argmin(), DeviceKind::kCpu, &arg_kernel<false>);
}

}  // namespace dlb::backend::cpu
