#include "dlb/optim/wide.h"

namespace dlb::optim {

VectorLevel vector_level() {
#if defined(__x86_64__)
  // By single features: not every compiler can ask for x86-64-v3 and v4.
  static const VectorLevel level = [] {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2"))
      return VectorLevel::kBaseline;
    const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
    return wide ? VectorLevel::kAvx512 : VectorLevel::kAvx2;
  }();
  return level;
#else
  return VectorLevel::kBaseline;
#endif
}

}  // namespace dlb::optim
