#include "dlb/backend/cpu/elementwise.h"
#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/strided.h"
#include "dlb/ops/functors.h"
#include "dlb/ops/unary_defs.h"

namespace dlb::backend::cpu {

namespace {

template <template <class> class F, UnaryKind kKind>
constexpr Loops loops() {
  Loops all;
  if constexpr (kKind == UnaryKind::kLogical) {
    all.b8 = &unary_loop<F<bool>, bool>;
  } else {
    all.f32 = &unary_loop<F<float>, float>;
    all.f64 = &unary_loop<F<double>, double>;
    if constexpr (kKind == UnaryKind::kNumeric) all.i64 = &unary_loop<F<int64_t>, int64_t>;
  }
  return all;
}

constexpr Loops kLoops[] = {
#define DLB_ROW(Name, kind, Attrs) loops<functor::Name, UnaryKind::k##kind>(),
    DLB_UNARY_OPS(DLB_ROW)
#undef DLB_ROW
};
constexpr Loops kGeluTanh = loops<functor::GeluTanh, UnaryKind::kFloating>();

void run(const KernelArgs& k, const Loops& row, const double* params) {
  // Numbers may have made an integer input's result floating: then it is computed as such.
  const DType dtype = k.out(0).dtype() == DType::kBool ? k.in(0).dtype() : k.out(0).dtype();
  DType compute = dtype;
  const Loop loop = row.find(dtype, compute);
  const DType result = k.out(0).dtype() == DType::kBool ? DType::kBool : compute;
  run_elementwise(k.out(0), k.inputs, compute, result, loop, params);
}

struct Params {
  double value[2] = {0, 0};
};
Params params(const NoAttrs&) { return {}; }
Params params(const GeluAttrs&) { return {}; }
Params params(const LeakyReluAttrs& a) { return {{a.negative_slope, 0}}; }
Params params(const EluAttrs& a) { return {{a.alpha, 0}}; }
Params params(const SoftplusAttrs& a) { return {{a.beta, a.threshold}}; }
Params params(const ClampAttrs& a) { return {{a.min, a.max}}; }
Params params(const PowScalarAttrs& a) { return {{a.exponent, 0}}; }
Params params(const AffineAttrs& a) { return {{a.a, a.b}}; }

template <UnaryFn kFn, class A>
void kernel(const KernelArgs& k, const A& attrs) {
  const Params p = params(attrs);
  run(k, kLoops[static_cast<size_t>(kFn)], p.value);
}

void gelu_kernel(const KernelArgs& k, const GeluAttrs& attrs) {
  run(k, attrs.approximate == "tanh" ? kGeluTanh : kLoops[static_cast<size_t>(UnaryFn::kGelu)], nullptr);
}

void cast_kernel(const KernelArgs& k, const CastAttrs&) { copy_tensor(k.out(0), k.in(0)); }

}  // namespace

void install_unary() {
#define DLB_INSTALL(Name, kind, Attrs) \
  set_kernel<Attrs>(op::unary(UnaryFn::k##Name), DeviceKind::kCpu, &kernel<UnaryFn::k##Name, Attrs>);
  DLB_UNARY_OPS(DLB_INSTALL)
#undef DLB_INSTALL
  set_kernel(op::unary(UnaryFn::kGelu), DeviceKind::kCpu, &gelu_kernel);
  set_kernel(op::cast(), DeviceKind::kCpu, &cast_kernel);
}

}  // namespace dlb::backend::cpu
