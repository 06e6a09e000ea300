// Kernels of the elementary functions.
#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/unary_kernel.h"
#include "dlb/ops/functors.h"

namespace dlb::backend::cpu {

namespace {

DLB_UNARY_MATH(DLB_UNARY_LOOPS)

}  // namespace

void install_unary_math() { DLB_UNARY_MATH(DLB_UNARY_INSTALL) }

}  // namespace dlb::backend::cpu
