#include "dlb/backend/cpu/gelu.h"
#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/unary_kernel.h"
#include "dlb/ops/functors_activation.h"

namespace dlb::backend::cpu {

namespace {

DLB_UNARY_ACTIVATIONS(DLB_UNARY_LOOPS)
constexpr Loops kGeluTanhLoops = unary_loops<functor::GeluTanh, UnaryKind::kFloating>();

/// float32 by table, the others by their functor.
constexpr Loops kGeluByTable = {&gelu_loop, kGeluLoops.f64, kGeluLoops.i64, kGeluLoops.b8};

void gelu_kernel(const KernelArgs& k, const GeluAttrs& attrs) {
  run_unary<UnaryKind::kFloating>(k, attrs.approximate == "tanh" ? kGeluTanhLoops : kGeluByTable, nullptr);
}

}  // namespace

void install_activation() {
  DLB_UNARY_ACTIVATIONS(DLB_UNARY_INSTALL)
  set_kernel(op::unary(UnaryFn::kGelu), DeviceKind::kCpu, &gelu_kernel);
}

}  // namespace dlb::backend::cpu
