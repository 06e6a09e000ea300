#pragma once
/// \file The one driver of elementwise kernels: any strides, broadcasting, dtypes and number of threads
/// around a plain loop.

#include <cstdint>

#include "dlb/backend/cpu/simd.h"
#include "dlb/ops/op.h"

namespace dlb::backend::cpu {

inline constexpr int kMaxOperands = 3;

/// n elements of each operand side by side, in the loop's compute types.
using Loop = void (*)(const void* const* in, void* out, int64_t n, const double* params);

/// The loops of one functor, one for each type that it computes in; nullptr where it does not.
struct Loops {
  Loop f32 = nullptr;
  Loop f64 = nullptr;
  Loop i64 = nullptr;
  Loop b8 = nullptr;

  /// The loop for operands of that dtype, and the type in which it wants them.
  Loop find(DType dtype, DType& compute) const;
};

/// Runs `loop` over all elements of `out`. Operand i is handed to the loop as `compute[i]`; it returns
/// `result`. Elements are independent of each other: results do not depend on threads or on the place in
/// memory.
void run_elementwise(const Tensor& out, Inputs operands, const DType* compute, DType result, Loop loop,
                     const double* params = nullptr);

/// The common case: all operands and the result in one type.
void run_elementwise(const Tensor& out, Inputs operands, DType compute, DType result, Loop loop,
                     const double* params = nullptr);

template <class F, class In>
void unary_loop(const void* const* in, void* out, int64_t n, const double* params) {
  const F f(params);
  using Out = decltype(f(In{}));
  const In* __restrict x = static_cast<const In*>(in[0]);
  Out* __restrict y = static_cast<Out*>(out);
  simd([=] {
    for (int64_t i = 0; i < n; ++i) y[i] = f(x[i]);
  });
}

template <class F, class In>
void binary_loop(const void* const* in, void* out, int64_t n, const double*) {
  using Out = decltype(F{}(In{}, In{}));
  const In* __restrict a = static_cast<const In*>(in[0]);
  const In* __restrict b = static_cast<const In*>(in[1]);
  Out* __restrict y = static_cast<Out*>(out);
  simd([=] {
    for (int64_t i = 0; i < n; ++i) y[i] = F{}(a[i], b[i]);
  });
}

}  // namespace dlb::backend::cpu
