#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/unary_kernel.h"
#include "dlb/ops/functors_activation.h"

namespace dlb::backend::cpu {

namespace {

DLB_UNARY_ACTIVATIONS(DLB_UNARY_LOOPS)
constexpr Loops kGeluTanhLoops = unary_loops<functor::GeluTanh, UnaryKind::kFloating>();

Params params(const GeluAttrs&) { return {}; }
Params params(const LeakyReluAttrs& a) { return {{a.negative_slope, 0}}; }
Params params(const EluAttrs& a) { return {{a.alpha, 0}}; }
Params params(const SoftplusAttrs& a) { return {{a.beta, a.threshold}}; }
Params params(const HardtanhAttrs& a) { return {{a.min, a.max}}; }
Params params(const ThresholdAttrs& a) { return {{a.threshold, a.value}}; }
Params params(const ShrinkAttrs& a) { return {{a.lambd, 0}}; }

void gelu_kernel(const KernelArgs& k, const GeluAttrs& attrs) {
  run_unary<UnaryKind::kFloating>(k, attrs.approximate == "tanh" ? kGeluTanhLoops : kGeluLoops, nullptr);
}

}  // namespace

void install_activation() {
  DLB_UNARY_ACTIVATIONS(DLB_UNARY_INSTALL)
  set_kernel(op::unary(UnaryFn::kGelu), DeviceKind::kCpu, &gelu_kernel);
}

}  // namespace dlb::backend::cpu
