#pragma once
/// \file The operators behind softmax.h, for backends.

#include "dlb/ops/softmax.h"

namespace dlb {

struct SoftmaxAttrs {
  int64_t dim = -1;  ///< in [0, rank)
};

struct DropoutAttrs {
  double p = 0.5;
  RngKey key;
};

namespace op {

/// x -> y, row-major.
const OpDef& softmax();
const OpDef& log_softmax();
/// (g, y) -> y (g - sum(g y)).
const OpDef& softmax_grad();
/// (g, y) -> g - exp(y) sum(g).
const OpDef& log_softmax_grad();
/// x -> y in the layout of x, which is row-major or channels-last.
const OpDef& dropout();

}  // namespace op
}  // namespace dlb
