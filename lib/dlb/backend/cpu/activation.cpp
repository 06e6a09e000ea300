#include "dlb/backend/cpu/activation_loop.h"
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

/// The float32 loop of an activation, null for none.
Loop loop_of(Activation a) {
  switch (a) {
    case Activation::kNone:
      return nullptr;
    case Activation::kRelu:
      return kReluLoops.f32;
    case Activation::kLeakyRelu:
      return kLeakyReluLoops.f32;
    case Activation::kClip:
      return unary_loops<functor::Clamp, UnaryKind::kNumeric>().f32;
    case Activation::kSigmoid:
      return unary_loops<functor::Sigmoid, UnaryKind::kReal>().f32;
    case Activation::kTanh:
      return unary_loops<functor::Tanh, UnaryKind::kReal>().f32;
    case Activation::kSilu:
      return kSiluLoops.f32;
    case Activation::kHardswish:
      return kHardswishLoops.f32;
    case Activation::kGelu:
      return kGeluByTable.f32;
    case Activation::kGeluTanh:
      return kGeluTanhLoops.f32;
  }
  fail(ErrorKind::kInternal, "activation {}", static_cast<int>(a));
}

}  // namespace

ActivationLoop::ActivationLoop(const Epilogue& e) : loop_(loop_of(e.activation)), params_{e.low, e.high} {}

void install_activation() {
  DLB_UNARY_ACTIVATIONS(DLB_UNARY_INSTALL)
  set_kernel(op::unary(UnaryFn::kGelu), DeviceKind::kCpu, &gelu_kernel);
}

}  // namespace dlb::backend::cpu
