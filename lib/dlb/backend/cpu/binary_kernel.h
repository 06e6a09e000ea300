#pragma once
/// \file Kernels of the operators that are one functor of two tensors; each family's file instantiates its
/// own.

#include "dlb/backend/cpu/elementwise.h"
#include "dlb/ops/binary_defs.h"
#include "dlb/ops/elementwise.h"

namespace dlb::backend::cpu {

template <template <class> class F, BinaryKind kKind>
constexpr Loops binary_loops() {
  Loops all;
  if constexpr (kKind == BinaryKind::kLogical) {
    all.b8 = &binary_loop<F<bool>, bool>;
  } else if constexpr (kKind == BinaryKind::kIntegral) {
    all.i64 = &binary_loop<F<int64_t>, int64_t>;
  } else {
    all.f32 = &binary_loop<F<float>, float>;
    all.f64 = &binary_loop<F<double>, double>;
    if constexpr (kKind != BinaryKind::kFloating) all.i64 = &binary_loop<F<int64_t>, int64_t>;
  }
  return all;
}

template <const Loops& kLoops, BinaryKind kKind>
void binary_kernel(const KernelArgs& k, const NoAttrs&) {
  const DType out = k.out(0).dtype();
  const DType dtype = out == DType::kBool ? promote_operands(k.inputs) : out;
  DType compute = dtype;
  const Loop loop = kLoops.find(dtype, compute);
  const bool predicate = kKind == BinaryKind::kCompare || kKind == BinaryKind::kLogical;
  run_elementwise(k.out(0), k.inputs, compute, predicate ? DType::kBool : compute, loop);
}

/// One row of a family: makes the loops and enters the kernel.
#define DLB_BINARY_LOOPS(Name, kind) \
  constexpr Loops k##Name##Loops = binary_loops<functor::Name, BinaryKind::k##kind>();
#define DLB_BINARY_INSTALL(Name, kind)                                 \
  set_kernel<NoAttrs>(op::binary(BinaryFn::k##Name), DeviceKind::kCpu, \
                      &binary_kernel<k##Name##Loops, BinaryKind::k##kind>);

}  // namespace dlb::backend::cpu
