#include "dlb/nn/losses.h"

#include <algorithm>

#include "dlb/nn/loss_parts.h"
#include "dlb/ops/create.h"
#include "dlb/ops/loss_class.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb::nn {

Fields CrossEntropy::fields() {
  static const Field list[] = {
      field<&CrossEntropy::label_smoothing>(
          "label_smoothing", "share of the target spread evenly over all classes", between(0, 1)),
      field<&CrossEntropy::weight>("weight", "weight of each class; none: 1", non_negative()),
      field<&CrossEntropy::ignore_index>("ignore_index", "target that counts for nothing"),
      field<&CrossEntropy::class_dim>("class_dim", "dimension of the classes: 1, or -1 for [N, ..., C]"),
  };
  return list;
}
LossSum CrossEntropy::compute(const Tensor& prediction, const Tensor& target) const {
  const Tensor w = class_weights(weight, prediction, "cross_entropy", class_dim);
  Tensor x = prediction, t = target;
  const int dim = normalize_dim(class_dim, x.rank(), "cross_entropy.class_dim");
  if (dim != 1) {
    Shape places = x.shape();
    places.erase(static_cast<size_t>(dim));
    const bool probabilities = t.shape() == x.shape();
    if (!probabilities && !(t.shape() == places)) {
      fail(ErrorKind::kShape, "cross_entropy expects target {} for input {}, got {}", shape_text(places),
           shape_text(x.shape()), shape_text(t.shape()));
    }
    // Classes in the last dimension are rows already: a view.
    const auto as_rows = [&](const Tensor& y) {
      return reshape(dim == y.rank() - 1 ? y : movedim(y, {dim}, {-1}),
                     {y.numel() / std::max<int64_t>(y.dim(dim), 1), y.dim(dim)});
    };
    x = as_rows(x);
    t = probabilities ? as_rows(t) : reshape(t, {t.numel()});
  }
  if (is_floating(t.dtype()) && t.shape() == x.shape()) {
    ClassLossOptions o;
    o.weight = w;
    o.reduction = Reduction::kSum;
    o.label_smoothing = label_smoothing;
    const int64_t count = x.numel() / std::max<int64_t>(x.dim(1), 1);
    return {cross_entropy(x, cast(t, x.dtype()), o),
            full({}, static_cast<double>(count), x.dtype() == DType::kFloat64 ? x.dtype() : DType::kFloat32,
                 x.device())};
  }
  return cross_entropy(x, t, w, ignore_index, label_smoothing);
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

}  // namespace dlb::nn
