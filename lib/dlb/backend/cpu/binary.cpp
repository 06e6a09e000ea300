#include <algorithm>

#include "dlb/backend/cpu/binary_kernel.h"
#include "dlb/backend/cpu/gelu.h"
#include "dlb/backend/cpu/kernels.h"
#include "dlb/ops/functors.h"

namespace dlb::backend::cpu {

namespace {

DLB_BINARY_BASIC(DLB_BINARY_LOOPS)

/// float32 by table, the others by their functor.
constexpr Loops kGeluBackwardByTable = {&gelu_gradient_loop, kGeluBackwardLoops.f64, kGeluBackwardLoops.i64,
                                        kGeluBackwardLoops.b8};

/// Integers have no result to stand for a division by zero.
template <const Loops& kLoops>
void integer_division_kernel(const KernelArgs& k, const NoAttrs& attrs) {
  if (!is_floating(k.out(0).dtype()) && k.out(0).numel() > 0) {
    const std::vector<int64_t> divisors = k.in(1).to_vector<int64_t>();
    if (std::find(divisors.begin(), divisors.end(), 0) != divisors.end()) {
      fail(ErrorKind::kData, "division or remainder of integers by zero");
    }
  }
  binary_kernel<kLoops, BinaryKind::kNumeric>(k, attrs);
}

template <class T>
void where_loop(const void* const* in, void* out, int64_t n, const double*) {
  const uint8_t* __restrict c = static_cast<const uint8_t*>(in[0]);  // a bool's 0 or 1
  const T* __restrict a = static_cast<const T*>(in[1]);
  const T* __restrict b = static_cast<const T*>(in[2]);
  T* __restrict y = static_cast<T*>(out);
  simd([=] {
    for (int64_t i = 0; i < n; ++i) {
      const T p = a[i];
      const T q = b[i];
      y[i] = c[i] != 0 ? p : q;
    }
  });
}
constexpr Loops kWhere = {&where_loop<float>, &where_loop<double>, &where_loop<int64_t>, nullptr};

void where_kernel(const KernelArgs& k, const NoAttrs&) {
  DType compute = k.out(0).dtype();
  const Loop loop = kWhere.find(compute, compute);
  const DType types[] = {DType::kBool, compute, compute};
  run_elementwise(k.out(0), k.inputs, types, compute, loop);
}

}  // namespace

void install_binary() {
  DLB_BINARY_BASIC(DLB_BINARY_INSTALL)
#define DLB_DIVISION(Name)                                             \
  set_kernel<NoAttrs>(op::binary(BinaryFn::k##Name), DeviceKind::kCpu, \
                      &integer_division_kernel<k##Name##Loops>);
  DLB_DIVISION(Fmod)
  DLB_DIVISION(Remainder)
  DLB_DIVISION(TruncDivide)
  DLB_DIVISION(FloorDivide)
#undef DLB_DIVISION
  set_kernel<NoAttrs>(op::where(), DeviceKind::kCpu, &where_kernel);
  set_kernel<NoAttrs>(op::binary(BinaryFn::kGeluBackward), DeviceKind::kCpu,
                      &binary_kernel<kGeluBackwardByTable, BinaryKind::kFloating>);
}

}  // namespace dlb::backend::cpu
