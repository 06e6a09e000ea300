#pragma once
/// \file Kernels of the operators that are one functor of one tensor; each family's file instantiates its
/// own.

#include <cmath>

#include "dlb/backend/cpu/elementwise.h"
#include "dlb/ops/float_math.h"
#include "dlb/ops/unary_defs.h"

namespace dlb::backend::cpu {

/// The loop of a float32 functor that holds for |x| <= kLimit: what lies beyond is done again by exact().
template <class F>
void limited_loop(const void* const* in, void* out, int64_t n, const double* params) {
  const F f(params);
  constexpr int64_t kBlock = 1024;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const float* __restrict x = static_cast<const float*>(in[0]) + begin;
    float* __restrict y = static_cast<float*>(out) + begin;
    const int64_t count = n - begin < kBlock ? n - begin : kBlock;
    int32_t beyond = 0;
    int32_t* const flag = &beyond;
    simd([=] {
      int32_t any = 0;
      for (int64_t i = 0; i < count; ++i) {
        any |= static_cast<int32_t>(float_math::abs(x[i]) > F::kLimit);
        y[i] = f(x[i]);
      }
      *flag = any;
    });
    if (beyond == 0) continue;
    for (int64_t i = 0; i < count; ++i) {
      if (std::abs(x[i]) > F::kLimit) y[i] = F::exact(x[i]);
    }
  }
}

template <template <class> class F, UnaryKind kKind>
constexpr Loops unary_loops() {
  Loops all;
  if constexpr (kKind == UnaryKind::kLogical) {
    all.b8 = &unary_loop<F<bool>, bool>;
  } else if constexpr (kKind == UnaryKind::kIntegral) {
    all.i64 = &unary_loop<F<int64_t>, int64_t>;
  } else {
    if constexpr (requires { F<float>::kLimit; }) {
      all.f32 = &limited_loop<F<float>>;
    } else {
      all.f32 = &unary_loop<F<float>, float>;
    }
    all.f64 = &unary_loop<F<double>, double>;
    if constexpr (kKind == UnaryKind::kNumeric) all.i64 = &unary_loop<F<int64_t>, int64_t>;
  }
  return all;
}

template <UnaryKind kKind>
void run_unary(const KernelArgs& k, const Loops& row, const double* params) {
  constexpr bool kToBool = kKind == UnaryKind::kPredicate || kKind == UnaryKind::kLogical;
  // Numbers may have made an integer input's result floating: then it is computed as such.
  const DType dtype = kToBool ? k.in(0).dtype() : k.out(0).dtype();
  DType compute = dtype;
  const Loop loop = row.find(dtype, compute);
  run_elementwise(k.out(0), k.inputs, compute, kToBool ? DType::kBool : compute, loop, params);
}

/// The numbers that a functor is made of.
struct Params {
  double value[2] = {0, 0};
};
inline Params params(const NoAttrs&) { return {}; }
inline Params params(const ClampAttrs& a) { return {{a.min, a.max}}; }
inline Params params(const PowScalarAttrs& a) { return {{a.exponent, 0}}; }
inline Params params(const AffineAttrs& a) { return {{a.a, a.b}}; }
inline Params params(const GeluAttrs&) { return {}; }
inline Params params(const LeakyReluAttrs& a) { return {{a.negative_slope, 0}}; }
inline Params params(const EluAttrs& a) { return {{a.alpha, 0}}; }
inline Params params(const SoftplusAttrs& a) { return {{a.beta, a.threshold}}; }
inline Params params(const HardtanhAttrs& a) { return {{a.min, a.max}}; }
inline Params params(const ThresholdAttrs& a) { return {{a.threshold, a.value}}; }
inline Params params(const ShrinkAttrs& a) { return {{a.lambd, 0}}; }
inline Params params(const PolygammaAttrs& a) { return {{static_cast<double>(a.n), 0}}; }
inline Params params(const LogitAttrs& a) { return {{a.eps, 0}}; }

/// The kernel of one functor; `kLoops` are its loops.
template <const Loops& kLoops, UnaryKind kKind, class A>
void unary_kernel(const KernelArgs& k, const A& attrs) {
  const Params p = params(attrs);
  run_unary<kKind>(k, kLoops, p.value);
}

/// One row of a family: makes the loops and enters the kernel.
#define DLB_UNARY_LOOPS(Name, kind, Attrs) \
  constexpr Loops k##Name##Loops = unary_loops<functor::Name, UnaryKind::k##kind>();
#define DLB_UNARY_INSTALL(Name, kind, Attrs)                       \
  set_kernel<Attrs>(op::unary(UnaryFn::k##Name), DeviceKind::kCpu, \
                    &unary_kernel<k##Name##Loops, UnaryKind::k##kind, Attrs>);

}  // namespace dlb::backend::cpu
