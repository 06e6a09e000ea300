#pragma once
/// \file The operator behind pointwise.h.

#include "dlb/ops/pointwise.h"

namespace dlb::op {

/// (x, low, high) -> x within the limits, of which either may be undefined.
const OpDef& clamp_tensor();

}  // namespace dlb::op
