#include "dlb/nn/losses.h"

#include "dlb/nn/policy_gradient.h"

#include "dlb/ops/unary.h"

namespace dlb::nn {

namespace {

/// The numbers as a tensor that fits `like`, or undefined when there are none.
Tensor weights(const std::vector<double>& values, const Tensor& like) {
  if (values.empty()) return {};
  const auto n = static_cast<int64_t>(values.size());
  if (like.is_meta()) return Tensor::empty({n}, like.dtype(), kMeta);
  return cast(Tensor::from(values, {n}), like.dtype());
}

/// Class weights, one for each of the classes that the prediction has.
Tensor class_weights(const std::vector<double>& values, const Tensor& prediction, std::string_view loss) {
  if (!values.empty() && prediction.rank() >= 2 && prediction.dim(1) != static_cast<int64_t>(values.size())) {
    fail(ErrorKind::kShape, "{}.weight has {} numbers, the model predicts {} classes", loss, values.size(),
         prediction.dim(1));
  }
  return weights(values, prediction);
}

/// The target in the prediction's type, once their shapes are known to be equal.
Tensor matching(const Tensor& prediction, const Tensor& target, std::string_view loss) {
  if (!(prediction.shape() == target.shape())) {
    std::string hint;
    if (prediction.numel() == target.numel() && prediction.rank() == target.rank() + 1 &&
        prediction.dim(-1) == 1) {
      hint = "the target has no last dimension: end the model with `- squeeze: -1`";
    }
    throw Error(ErrorKind::kShape,
                fmt::format("{} needs prediction and target of equal shape, got {} and {}", loss,
                            shape_text(prediction.shape()), shape_text(target.shape())),
                {}, std::move(hint));
  }
  return target.dtype() == prediction.dtype() ? target : cast(target, prediction.dtype());
}

}  // namespace

Fields CrossEntropy::fields() {
  static const Field list[] = {
      field<&CrossEntropy::label_smoothing>(
          "label_smoothing", "share of the target spread evenly over all classes", between(0, 1)),
      field<&CrossEntropy::weight>("weight", "weight of each class; none: 1", non_negative()),
      field<&CrossEntropy::ignore_index>("ignore_index", "target that counts for nothing"),
  };
  return list;
}
LossSum CrossEntropy::compute(const Tensor& prediction, const Tensor& target) const {
  return cross_entropy(prediction, target, class_weights(weight, prediction, "cross_entropy"), ignore_index,
                       label_smoothing);
}

Fields Nll::fields() {
  static const Field list[] = {
      field<&Nll::weight>("weight", "weight of each class; none: 1", non_negative()),
      field<&Nll::ignore_index>("ignore_index", "target that counts for nothing"),
  };
  return list;
}
LossSum Nll::compute(const Tensor& prediction, const Tensor& target) const {
  return nll_loss(prediction, target, class_weights(weight, prediction, "nll"), ignore_index);
}

LossSum Mse::compute(const Tensor& prediction, const Tensor& target) const {
  return mse_loss(prediction, matching(prediction, target, "mse"));
}

LossSum L1::compute(const Tensor& prediction, const Tensor& target) const {
  return l1_loss(prediction, matching(prediction, target, "l1"));
}

Fields Huber::fields() {
  static const Field list[] = {
      field<&Huber::delta>("delta", "error from which the loss grows linearly", positive())};
  return list;
}
LossSum Huber::compute(const Tensor& prediction, const Tensor& target) const {
  return huber_loss(prediction, matching(prediction, target, "huber"), delta);
}

Fields SmoothL1::fields() {
  static const Field list[] = {
      field<&SmoothL1::beta>("beta", "error from which the loss grows linearly", non_negative())};
  return list;
}
LossSum SmoothL1::compute(const Tensor& prediction, const Tensor& target) const {
  const Tensor t = matching(prediction, target, "smooth_l1");
  return beta == 0 ? l1_loss(prediction, t) : smooth_l1_loss(prediction, t, beta);
}

Fields BceWithLogits::fields() {
  static const Field list[] = {field<&BceWithLogits::pos_weight>(
      "pos_weight", "weight of positive targets: one, or one per last dimension", non_negative())};
  return list;
}
LossSum BceWithLogits::compute(const Tensor& prediction, const Tensor& target) const {
  const Tensor t = matching(prediction, target, "bce_with_logits");
  if (pos_weight.size() > 1 &&
      (prediction.rank() == 0 || prediction.dim(-1) != static_cast<int64_t>(pos_weight.size()))) {
    fail(ErrorKind::kShape, "bce_with_logits.pos_weight has {} numbers, the prediction is {}",
         pos_weight.size(), shape_text(prediction.shape()));
  }
  return bce_with_logits(prediction, t, weights(pos_weight, prediction));
}

std::span<const LossType> loss_types() {
  static const std::vector<LossType> types = {
      type_info<Loss, CrossEntropy>("cross_entropy", "classes from logits [N, C, ...] with targets [N, ...]"),
      type_info<Loss, Nll>("nll", "classes from log-probabilities [N, C, ...] with targets [N, ...]"),
      type_info<Loss, Mse>("mse", "squared error"),
      type_info<Loss, L1>("l1", "absolute error"),
      type_info<Loss, Huber>("huber", "squared error near 0, linear from delta on"),
      type_info<Loss, SmoothL1>("smooth_l1", "huber divided by beta"),
      type_info<Loss, BceWithLogits>("bce_with_logits", "binary classes from logits, targets 0 to 1"),
      type_info<Loss, PolicyGradient>(
          "policy_gradient", "rollouts of the policy itself: scores of actions, optionally a value; targets "
                             "action and return"),
  };
  return types;
}

}  // namespace dlb::nn
