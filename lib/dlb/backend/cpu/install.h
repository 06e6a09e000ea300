#pragma once
/// \file The CPU backend's table of kernels.

namespace dlb::backend::cpu {

/// Enters all CPU kernels into the operators' tables; cheap, may be called again. main() and each test
/// program call it first.
void install();

}  // namespace dlb::backend::cpu
