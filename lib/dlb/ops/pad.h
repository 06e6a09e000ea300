#pragma once
/// \file Padding: pairs (before, after) of amounts from the last dimension backwards, as in PyTorch; negative
/// amounts crop. Errors: shape.

#include "dlb/ops/op.h"

namespace dlb {

/// `value` around x.
Tensor pad(const Tensor& x, Dims amounts, double value = 0);

enum class PadMode : uint8_t {
  kReflect,    ///< mirrored at the border, which is not repeated: amounts below the size
  kReplicate,  ///< the border repeated
  kCircular    ///< continued at the other end: amounts up to the size
};
Tensor pad(const Tensor& x, const Dims& amounts, PadMode mode);

}  // namespace dlb
