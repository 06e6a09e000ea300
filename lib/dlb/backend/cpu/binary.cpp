#include <algorithm>

#include "dlb/backend/cpu/elementwise.h"
#include "dlb/backend/cpu/kernels.h"
#include "dlb/ops/binary_defs.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/functors.h"

namespace dlb::backend::cpu {

namespace {

enum class Kind { kFloating, kNumeric, kCompare, kLogical };

template <template <class> class F, Kind kKind>
constexpr Loops loops() {
  Loops all;
  if constexpr (kKind == Kind::kLogical) {
    all.b8 = &binary_loop<F<bool>, bool>;
  } else {
    all.f32 = &binary_loop<F<float>, float>;
    all.f64 = &binary_loop<F<double>, double>;
    if constexpr (kKind != Kind::kFloating) all.i64 = &binary_loop<F<int64_t>, int64_t>;
  }
  return all;
}

constexpr Loops kLoops[] = {
#define DLB_ROW(Name, kind) loops<functor::Name, Kind::k##kind>(),
    DLB_BINARY_OPS(DLB_ROW)
#undef DLB_ROW
};

template <BinaryFn kFn>
void kernel(const KernelArgs& k, const NoAttrs&) {
  const DType out = k.out(0).dtype();
  const DType dtype = out == DType::kBool ? promote_operands(k.inputs) : out;
  DType compute = dtype;
  const Loop loop = kLoops[static_cast<size_t>(kFn)].find(dtype, compute);
  const bool predicate = kFn >= BinaryFn::kEq && kFn <= BinaryFn::kLogicalXor;
  run_elementwise(k.out(0), k.inputs, compute, predicate ? DType::kBool : compute, loop);
}

/// Integers have no result to stand for a division by zero.
template <BinaryFn kFn>
void modulus_kernel(const KernelArgs& k, const NoAttrs& attrs) {
  if (!is_floating(k.out(0).dtype()) && k.out(0).numel() > 0) {
    const std::vector<int64_t> divisors = k.in(1).to_vector<int64_t>();
    if (std::find(divisors.begin(), divisors.end(), 0) != divisors.end()) {
      fail(ErrorKind::kData, "{} of integers by zero", kFn == BinaryFn::kFmod ? "fmod" : "remainder");
    }
  }
  kernel<kFn>(k, attrs);
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
#define DLB_INSTALL(Name, kind) \
  set_kernel<NoAttrs>(op::binary(BinaryFn::k##Name), DeviceKind::kCpu, &kernel<BinaryFn::k##Name>);
  DLB_BINARY_OPS(DLB_INSTALL)
#undef DLB_INSTALL
  set_kernel<NoAttrs>(op::binary(BinaryFn::kFmod), DeviceKind::kCpu, &modulus_kernel<BinaryFn::kFmod>);
  set_kernel<NoAttrs>(op::binary(BinaryFn::kRemainder), DeviceKind::kCpu,
                      &modulus_kernel<BinaryFn::kRemainder>);
  set_kernel<NoAttrs>(op::where(), DeviceKind::kCpu, &where_kernel);
}

}  // namespace dlb::backend::cpu
