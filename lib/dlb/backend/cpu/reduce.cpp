#include "dlb/backend/cpu/reduce.h"

#include <limits>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/reducers.h"
#include "dlb/backend/cpu/strided.h"
#include "dlb/tensor/convert_element.h"

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

}  // namespace

void install_reduce() {
  set_kernel(op::sum(), DeviceKind::kCpu, &numeric_kernel<Sum>);
  set_kernel(op::mean(), DeviceKind::kCpu, &floating_kernel<Mean>);
  set_kernel(op::norm(), DeviceKind::kCpu, &floating_kernel<Norm>);
  set_kernel(op::amax(), DeviceKind::kCpu, &numeric_kernel<Largest>);
  set_kernel(op::amin(), DeviceKind::kCpu, &numeric_kernel<Smallest>);
  set_kernel(op::any(), DeviceKind::kCpu, &reduce<Any>);
  set_kernel(op::all(), DeviceKind::kCpu, &reduce<All>);
  set_kernel(op::prod(), DeviceKind::kCpu, &numeric_kernel<Product>);
  set_kernel<NoAttrs>(op::shared_value(), DeviceKind::kCpu,
                      [](const KernelArgs& k, const NoAttrs&) { copy_tensor(k.out(0), k.in(1)); });
  install_arg_reduce();
}

}  // namespace dlb::backend::cpu
