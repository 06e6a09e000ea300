#pragma once
/// \file Which vector instructions this processor has.

#include <cstdint>

namespace dlb {

/// kAvx2: x86-64-v3 (AVX2, FMA, BMI2, F16C). kAvx512: x86-64-v4 (AVX-512 F, BW, CD, DQ, VL as well).
enum class InstructionSet : uint8_t { kBaseline, kAvx2, kAvx512 };
/// The widest that this processor has.
InstructionSet instruction_set();

}  // namespace dlb
