// Kernels of the special functions, of one tensor and of two.
#include "dlb/backend/cpu/binary_kernel.h"
#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/unary_kernel.h"
#include "dlb/ops/functors_special.h"

namespace dlb::backend::cpu {

namespace {

DLB_UNARY_SPECIAL(DLB_UNARY_LOOPS)
DLB_BINARY_SPECIAL(DLB_BINARY_LOOPS)

}  // namespace

void install_special() {
  DLB_UNARY_SPECIAL(DLB_UNARY_INSTALL)
  DLB_BINARY_SPECIAL(DLB_BINARY_INSTALL)
}

}  // namespace dlb::backend::cpu
