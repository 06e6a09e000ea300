#pragma once
/// \file Loops of gelu in float32, for run_elementwise().

#include <cstdint>

namespace dlb::backend::cpu {

/// x Phi(x)
void gelu_loop(const void* const* in, void* out, int64_t n, const double* params);
/// g (Phi(x) + x phi(x))
void gelu_gradient_loop(const void* const* in, void* out, int64_t n, const double* params);

}  // namespace dlb::backend::cpu
