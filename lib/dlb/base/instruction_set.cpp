#include "dlb/base/instruction_set.h"

namespace dlb {

InstructionSet instruction_set() {
#if defined(__x86_64__)
  // By single features: not every compiler can ask for x86-64-v3 and v4, nor for F16C, which every processor
  // with AVX2 has.
  static const InstructionSet widest = [] {
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi2"))
      return InstructionSet::kBaseline;
    const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
    return wide ? InstructionSet::kAvx512 : InstructionSet::kAvx2;
  }();
  return widest;
#else
  return InstructionSet::kBaseline;
#endif
}

}  // namespace dlb
