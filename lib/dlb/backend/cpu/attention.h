#pragma once
/// \file What attention's kernels take as they find it.

#include "dlb/tensor/tensor.h"

namespace dlb::backend::cpu {

/// [B, H, L, E] whose rows are dense, in any order of the other dimensions: `t`, or a copy.
Tensor attention_rows(const Tensor& t);

}  // namespace dlb::backend::cpu
