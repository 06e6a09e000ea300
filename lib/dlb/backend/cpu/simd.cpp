#include "dlb/backend/cpu/simd.h"

namespace dlb::backend::cpu {

Isa isa() {
#if defined(__x86_64__)
  static const Isa best = [] {
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
      return Isa::kAvx512;
    }
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c")
               ? Isa::kAvx2
               : Isa::kBaseline;
  }();
  return best;
#else
  return Isa::kBaseline;
#endif
}

}  // namespace dlb::backend::cpu
