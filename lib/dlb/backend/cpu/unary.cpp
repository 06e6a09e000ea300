#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/strided.h"
#include "dlb/backend/cpu/unary_kernel.h"
#include "dlb/ops/functors.h"

namespace dlb::backend::cpu {

namespace {

DLB_UNARY_BASIC(DLB_UNARY_LOOPS)

void cast_kernel(const KernelArgs& k, const CastAttrs&) { copy_tensor(k.out(0), k.in(0)); }

}  // namespace

void install_unary() {
  DLB_UNARY_BASIC(DLB_UNARY_INSTALL)
  set_kernel(op::cast(), DeviceKind::kCpu, &cast_kernel);
  install_unary_math();
  install_activation();
  install_special();
}

}  // namespace dlb::backend::cpu
