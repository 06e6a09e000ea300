#pragma once
/// \file How the values of a loss become its result.

#include "dlb/ops/op.h"

namespace dlb {

enum class Reduction : uint8_t { kNone, kMean, kSum };

/// Raises a dtype error unless x is floating.
void check_floating_input(const char* loss, const Tensor& x);
/// The values themselves, their mean (NaN of nothing) or their sum.
Tensor reduce_loss(const Tensor& values, Reduction reduction);

}  // namespace dlb
