#pragma once
/// \file Loops compiled for several instruction sets, chosen when the program runs.

#include "dlb/base/instruction_set.h"
#include "dlb/tensor/convert_element.h"

namespace dlb::backend::cpu {

namespace detail {
#if defined(__x86_64__)
template <class F>
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c"), flatten)) void run_avx512(
    const F& f) {
  f();
}
template <class F>
__attribute__((target("avx2,fma,f16c"), flatten)) void run_avx2(const F& f) {
  f();
}
#endif
}  // namespace detail

/// Calls `f()`, compiled with its whole inlinable call tree for the processor's instruction set. Results do
/// not depend on the set as long as sums are written with a fixed number of partial sums: the compiler
/// neither reorders nor contracts floating-point operations.
template <class F>
void simd(const F& f) {
#if defined(__x86_64__)
  switch (instruction_set()) {
    case InstructionSet::kAvx512:
      return detail::run_avx512(f);
    case InstructionSet::kAvx2:
      return detail::run_avx2(f);
    default:
      break;
  }
#endif
  f();
}

/// An element in the type that kernels compute in, and back; both inline and vectorise.
template <class T>
DLB_INLINE compute_t<T> load(T value) {
  return convert_element<compute_t<T>>(value);
}
template <class T>
DLB_INLINE T store(compute_t<T> value) {
  return convert_element<T>(value);
}

}  // namespace dlb::backend::cpu
