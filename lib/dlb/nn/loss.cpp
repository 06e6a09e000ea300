#include "dlb/nn/loss.h"

namespace dlb::nn {

LossSum Loss::evaluate(Inputs predictions, Inputs targets) const {
  if (predictions.size() != 1 || targets.size() != 1) {
    fail(ErrorKind::kShape, "the loss takes one prediction and one target, got {} and {}", predictions.size(),
         targets.size());
  }
  return compute(predictions[0], targets[0]);
}

LossSum Loss::compute(const Tensor& /*prediction*/, const Tensor& /*target*/) const {
  DLB_CHECK(!"a loss overrides compute() or evaluate()");
  return {};
}

}  // namespace dlb::nn
