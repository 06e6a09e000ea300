#include "dlb/nn/losses_class.h"

#include <limits>

#include "dlb/nn/loss_parts.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/index.h"
#include "dlb/ops/loss_class.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb::nn {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Whether the target has numbers of classes, not a value for each prediction.
bool numbers_classes(const Tensor& prediction, const Tensor& target) {
  return target.rank() + 1 == prediction.rank() && is_integral(target.dtype());
}

/// Shapes: x [N, C, *] -> loss of each [n, c], or x [N, *] -> of each n.
LossSum overlap_loss(const Tensor& x, const Tensor& target, std::string_view name, double alpha, double beta,
                     double smooth) {
  Tensor p, t;
  Dims dims;
  if (numbers_classes(x, target)) {
    p = softmax(x, 1);
    Dims order = {0, target.rank()};
    for (int i = 1; i < target.rank(); ++i) order.push_back(i);
    t = permute(one_hot(cast(target, DType::kInt64), x.dim(1), x.dtype()), order);
    for (int i = 2; i < x.rank(); ++i) dims.push_back(i);
    expect_form(!dims.empty() && t.shape() == x.shape(), name, "logits", "[N, C, spatial...] of classes", x);
  } else {
    t = matching(x, target, name);
    p = sigmoid(x);
    for (int i = 1; i < x.rank(); ++i) dims.push_back(i);
    expect_form(!dims.empty(), name, "logits", "[N, ...]", x);
  }
  const Tensor tp = sum(mul(p, t), dims), positive = sum(p, dims), wanted = sum(t, dims);
  const Tensor fp = sub(positive, tp), fn = sub(wanted, tp);
  const Tensor all = add(tp, add(mul(fp, alpha), mul(fn, beta)));
  return total(1.0 - div(add(tp, smooth), add(all, smooth)));
}

}  // namespace

LossSum Bce::compute(const Tensor& prediction, const Tensor& target) const {
  return total(binary_cross_entropy(prediction, matching(prediction, target, "bce"), Reduction::kNone));
}

Fields Hinge::fields() {
  static const Field list[] = {
      field<&Hinge::margin>("margin", "from which a prediction is good enough"),
      field<&Hinge::p>("p", "exponent: 1, or 2 for the squared hinge", at_least(1)),
  };
  return list;
}
LossSum Hinge::compute(const Tensor& prediction, const Tensor& target) const {
  const Tensor t = matching(prediction, target, "hinge");
  const Tensor one = full({}, 1, t.dtype(), t.device());
  const Tensor signs = where(gt(t, 0.0), one, neg(one));
  const Tensor h = relu(margin - mul(signs, prediction));
  return total(p == 1 ? h : pow(h, p));
}

LossSum SoftMargin::compute(const Tensor& prediction, const Tensor& target) const {
  return total(soft_margin_loss(prediction, matching(prediction, target, "soft_margin"), Reduction::kNone));
}

Fields MultiMargin::fields() {
  static const Field list[] = {
      field<&MultiMargin::margin>("margin", "by which the right class must lead"),
      field<&MultiMargin::p>("p", "exponent, 1 or 2", between(1, 2)),
      field<&MultiMargin::weight>("weight", "weight of each class; none: 1", non_negative()),
  };
  return list;
}
LossSum MultiMargin::compute(const Tensor& prediction, const Tensor& target) const {
  MultiMarginOptions o;
  o.p = p;
  o.margin = margin;
  o.weight = class_weights(weight, prediction, "multi_margin");
  o.reduction = Reduction::kNone;
  return total(multi_margin_loss(prediction, target, o));
}

LossSum MultilabelMargin::compute(const Tensor& prediction, const Tensor& target) const {
  return total(multilabel_margin_loss(prediction, target, Reduction::kNone));
}

Fields MultilabelSoftMargin::fields() {
  static const Field list[] = {
      field<&MultilabelSoftMargin::weight>("weight", "weight of each class; none: 1", non_negative())};
  return list;
}
LossSum MultilabelSoftMargin::compute(const Tensor& prediction, const Tensor& target) const {
  const Tensor t = matching(prediction, target, "multilabel_soft_margin");
  return total(multilabel_soft_margin_loss(prediction, t, Reduction::kNone,
                                           class_weights(weight, prediction, "multilabel_soft_margin", -1)));
}

Fields Focal::fields() {
  static const Field list[] = {
      field<&Focal::gamma>("gamma", "how much less what is easy counts", non_negative()),
      field<&Focal::alpha>("alpha", "binary targets: weight of 1, of 0 what is left of 1", between(0, 1)),
      field<&Focal::ignore_index>("ignore_index", "class that counts for nothing"),
  };
  return list;
}
LossSum Focal::compute(const Tensor& prediction, const Tensor& target) const {
  // Limited away from 0, where a gamma below 1 has no derivative.
  const auto eased = [&](const Tensor& wrong) { return pow(clamp(wrong, 1e-12, kInfinity), gamma); };
  if (numbers_classes(prediction, target)) {
    ClassLossOptions o;
    o.ignore_index = ignore_index;
    o.reduction = Reduction::kNone;
    const Tensor values = nll_loss(log_softmax(prediction, 1), target, o);
    const Tensor valid = cast(ne(target, static_cast<double>(ignore_index)), values.dtype());
    return {sum(mul(eased(1.0 - exp(neg(values))), values)), sum(valid)};
  }
  const Tensor t = matching(prediction, target, "focal");
  const Tensor values = binary_cross_entropy_with_logits(prediction, t, Reduction::kNone);
  const Tensor p = sigmoid(prediction);
  const Tensor wrong = add(mul(p, 1.0 - t), mul(1.0 - p, t));
  Tensor loss = mul(eased(wrong), values);
  if (alpha) loss = mul(loss, add(mul(t, *alpha), mul(1.0 - t, 1 - *alpha)));
  return total(loss);
}

Fields Tversky::fields() {
  static const Field list[] = {
      field<&Tversky::alpha>("alpha", "weight of false positives", non_negative()),
      field<&Tversky::beta>("beta", "weight of false negatives", non_negative()),
      field<&Tversky::smooth>("smooth", "added above and below the line", non_negative()),
  };
  return list;
}
LossSum Tversky::compute(const Tensor& prediction, const Tensor& target) const {
  return overlap_loss(prediction, target, "tversky", alpha, beta, smooth);
}

Fields Dice::fields() {
  static const Field list[] = {
      field<&Dice::smooth>("smooth", "added above and below the line", non_negative())};
  return list;
}
LossSum Dice::compute(const Tensor& prediction, const Tensor& target) const {
  return overlap_loss(prediction, target, "dice", 0.5, 0.5, smooth / 2);
}

}  // namespace dlb::nn
