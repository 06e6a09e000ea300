#pragma once
/// \file Inner loops compiled for several vector widths, the widest of which the processor has being chosen
/// at run time.

#include "dlb/base/instruction_set.h"

namespace dlb::optim {

#if defined(__x86_64__)
template <class Body>
__attribute__((target("arch=x86-64-v4"))) void run_avx512(const Body& body) {
  body();
}
template <class Body>
__attribute__((target("arch=x86-64-v3"))) void run_avx2(const Body& body) {
  body();
}
#endif

/// Calls body(), an always-inline function whose loops the compiler vectorises. All versions give the same
/// bits: nothing is reassociated or contracted, so a body must spell out its own lanes where it sums.
template <class Body>
void run_wide(const Body& body) {
#if defined(__x86_64__)
  switch (instruction_set()) {
    case InstructionSet::kAvx512:
      return run_avx512(body);
    case InstructionSet::kAvx2:
      return run_avx2(body);
    case InstructionSet::kBaseline:
      break;
  }
#endif
  body();
}

}  // namespace dlb::optim
