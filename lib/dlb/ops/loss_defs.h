#pragma once
/// \file The operators behind loss.h, for backends. Sums are 0-d, float64 for float64 logits and float32
/// otherwise.

#include "dlb/ops/loss.h"
#include "dlb/ops/op.h"

namespace dlb {

struct ClassLossAttrs {
  int64_t ignore_index = -100;
  double label_smoothing = 0;
  Shape shape;                    ///< nll_loss_grad: of the log-probabilities
  DType dtype = DType::kFloat32;  ///< nll_loss_grad: of the log-probabilities
};

namespace op {

/// (logits, target, weight or undefined) -> (sum, count); logits are row-major or channels-last, as in the
/// next three.
const OpDef& cross_entropy();
/// (g, logits, target, weight) -> gradient of the logits, in their layout.
const OpDef& cross_entropy_grad();
/// (log-probabilities, target, weight) -> (sum, count).
const OpDef& nll_loss();
/// (g, target, weight) -> gradient of the log-probabilities, row-major.
const OpDef& nll_loss_grad();
/// (probabilities, target) -> loss for each element.
const OpDef& binary_cross_entropy();

}  // namespace op
}  // namespace dlb
