#include "dlb/optim/wide.h"

namespace dlb::optim {

VectorLevel vector_level() {
#if defined(__x86_64__)
  static const VectorLevel level = __builtin_cpu_supports("x86-64-v4")   ? VectorLevel::kAvx512
                                   : __builtin_cpu_supports("x86-64-v3") ? VectorLevel::kAvx2
                                                                         : VectorLevel::kBaseline;
  return level;
#else
  return VectorLevel::kBaseline;
#endif
}

}  // namespace dlb::optim
