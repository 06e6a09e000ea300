#include "dlb/nn/policy_gradient.h"

#include "dlb/ops/binary.h"
#include "dlb/ops/index.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb::nn {
namespace {

/// (x - mean) / standard deviation, as of a sample.
Tensor normalized(const Tensor& x) {
  const Tensor centred = x - mean(x);
  const auto n = static_cast<double>(std::max<int64_t>(x.numel() - 1, 1));
  return centred / add(sqrt(sum(square(centred)) / n), 1e-8);
}

}  // namespace

Fields PolicyGradient::fields() {
  static const Field list[] = {
      field<&PolicyGradient::entropy>("entropy", "weight of the entropy, which keeps the policy exploring",
                                      non_negative()),
      field<&PolicyGradient::value>(
          "value", "weight of the squared error of the value output, where the model has one",
          non_negative()),
      field<&PolicyGradient::normalize>("normalize",
                                        "bring advantages to mean 0 and standard deviation 1 in each batch"),
  };
  return list;
}

LossSum PolicyGradient::evaluate(Inputs predictions, Inputs targets) const {
  const Tensor& scores = predictions[0];
  const Tensor& action = targets[0];
  if (scores.rank() != 2)
    fail(ErrorKind::kShape, "policy_gradient needs scores [N, actions], got {}", shape_text(scores.shape()));
  const int64_t n = scores.dim(0);
  if (action.rank() != 1 || action.dim(0) != n || !(targets[1].shape() == action.shape())) {
    fail(ErrorKind::kShape, "policy_gradient needs action and return [{}] to the scores {}, got {} and {}", n,
         shape_text(scores.shape()), shape_text(action.shape()), shape_text(targets[1].shape()));
  }
  const Tensor returns = cast(targets[1], scores.dtype());
  const Tensor logs = log_softmax(scores, 1);
  Tensor advantage = returns;
  Tensor baseline;
  if (predictions.size() > 1) {
    baseline = predictions[1];
    if (baseline.rank() == 2 && baseline.dim(1) == 1) baseline = squeeze(baseline, 1);
    if (baseline.rank() != 1 || baseline.dim(0) != n) {
      fail(ErrorKind::kShape, "policy_gradient needs a value [{}] or [{}, 1] for each of the scores, got {}",
           n, n, shape_text(predictions[1].shape()));
    }
    advantage = returns - baseline.detach();
  }
  if (normalize) advantage = normalized(advantage);
  const Tensor chosen = squeeze(gather(logs, 1, unsqueeze(action, 1)), 1);
  Tensor total = neg(sum(chosen * advantage));
  // Minus the entropy is sum p log p.
  if (entropy > 0) total = total + mul(sum(exp(logs) * logs), entropy);
  if (baseline.defined() && value > 0) total = total + mul(sum(square(baseline - returns)), value);
  const Tensor count = scores.is_meta() ? Tensor::empty({}, DType::kFloat32, kMeta)
                                        : Tensor::scalar(static_cast<double>(n), DType::kFloat32);
  return {total, count};
}

}  // namespace dlb::nn
