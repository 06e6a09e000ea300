#include "dlb/ops/loss_class.h"

#include <limits>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/index.h"
#include "dlb/ops/loss.h"
#include "dlb/ops/loss_defs.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/require.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"

namespace dlb {
namespace {

constexpr double kUnlimited = std::numeric_limits<double>::infinity();

Tensor constant_like(const Tensor& x, double value) { return full({}, value, x.dtype(), x.device()); }

[[noreturn]] void fail_target(const char* name, const Tensor& x, const Tensor& target) {
  fail(ErrorKind::kShape, "{} does not take a target {} with an input {}", name, shape_text(target.shape()),
       shape_text(x.shape()));
}

/// Targets as int64, after a check of shapes and dtypes.
Tensor class_targets(const char* name, const Tensor& x, const Tensor& target, const Tensor& weight) {
  require_floating(x, name);
  if (!is_integral(target.dtype())) {
    fail(ErrorKind::kDtype, "{} expects an integer target, got {}", name, dtype_name(target.dtype()));
  }
  if (x.rank() == 0) fail_target(name, x, target);
  Shape expected = x.shape();
  expected.erase(x.rank() == 1 ? 0 : 1);
  if (!(target.shape() == expected)) fail_target(name, x, target);
  if (weight.defined()) {
    const int64_t classes = x.dim(x.rank() == 1 ? 0 : 1);
    if (weight.rank() != 1 || weight.dim(0) != classes) {
      fail(ErrorKind::kShape, "{} expects class weights [{}], got {}", name, classes,
           shape_text(weight.shape()));
    }
    if (weight.dtype() != x.dtype()) {
      fail(ErrorKind::kDtype, "{} expects class weights of {}, got {}", name, dtype_name(x.dtype()),
           dtype_name(weight.dtype()));
    }
  }
  return cast(target, DType::kInt64);
}

/// [C] as [1, C, 1, ...].
Tensor per_class(const Tensor& v, int rank) {
  Shape shape(static_cast<size_t>(rank), 1);
  shape[1] = v.dim(0);
  return reshape(v, shape);
}

/// -w[t] x[t] for each target, 0 where it is ignored. x [N, C, *], target [N, *].
Tensor nll_values(const Tensor& x, const Tensor& target, const ClassLossOptions& o) {
  const Tensor valid = ne(target, static_cast<double>(o.ignore_index));
  const Tensor index = where(valid, target, constant_like(target, 0));
  Tensor values = neg(squeeze(gather(x, 1, unsqueeze(index, 1)), 1));
  if (o.weight.defined()) {
    values = mul(values, reshape(index_select(o.weight, 0, reshape(index, {-1})), index.shape()));
  }
  return where(valid, values, constant_like(values, 0));
}

/// The loss for each target.
Tensor cross_entropy_values(const Tensor& x, const Tensor& target, const ClassLossOptions& o) {
  const Tensor logs = log_softmax(x, 1);
  const Tensor values = nll_values(logs, target, o);
  if (o.label_smoothing == 0) return values;
  const Tensor all = o.weight.defined() ? mul(logs, per_class(o.weight, x.rank())) : logs;
  const Tensor spread = neg(sum(all, {1}));
  const Tensor valid = ne(target, static_cast<double>(o.ignore_index));
  return add(mul(values, 1 - o.label_smoothing), mul(where(valid, spread, constant_like(spread, 0)),
                                                     o.label_smoothing / static_cast<double>(x.dim(1))));
}

Tensor probability_cross_entropy(const Tensor& x, const Tensor& target, const ClassLossOptions& o) {
  if (!is_floating(target.dtype())) {
    fail(ErrorKind::kDtype, "cross_entropy expects floating class probabilities, got {}",
         dtype_name(target.dtype()));
  }
  Tensor t = target;
  if (o.label_smoothing > 0) {
    t = add(mul(t, 1 - o.label_smoothing), o.label_smoothing / static_cast<double>(x.dim(1)));
  }
  Tensor products = mul(log_softmax(x, 1), t);
  if (o.weight.defined()) products = mul(products, per_class(o.weight, x.rank()));
  const Tensor values = neg(sum(products, {1}));
  // Not the mean of the values: the divisor counts samples and positions.
  if (o.reduction != Reduction::kMean) return reduce_loss(values, o.reduction);
  return sum(values) / static_cast<double>(values.numel());
}

Tensor reduced(const LossSum& loss, Reduction reduction, DType dtype) {
  return cast(reduction == Reduction::kMean ? mean_loss(loss) : loss.sum, dtype);
}

void infer_bce(Infer& c, const NoAttrs&) {
  c.floating(0);
  c.same_dtype(0, 1);
  if (!(c.input(0).shape == c.input(1).shape)) {
    c.fail_shape("expects target {}, got {}", shape_text(c.input(0).shape), shape_text(c.input(1).shape));
  }
  elementwise_output(c, c.all(), c.input(0).dtype);
}

Outputs reference_bce(Inputs in, const NoAttrs&) {
  const Tensor& x = in[0];
  const Tensor& t = in[1];
  const Tensor positive = clamp(log(x), -100, kUnlimited);
  const Tensor negative = clamp(log1p(neg(x)), -100, kUnlimited);
  return {sub(mul(sub(t, constant_like(t, 1)), negative), mul(t, positive))};
}

// The gradient is finite at 0 and 1, which that of the composition is not.
void vjp_bce(Vjp& c, const NoAttrs&) {
  const Tensor& x = c.input(0);
  const Tensor& g = c.grad(0);
  if (c.needs(0)) {
    constexpr double kEpsilon = 1e-12F;  // as PyTorch: rounded to float32
    const Tensor slope = div(sub(x, c.input(1)), clamp(mul(1.0 - x, x), kEpsilon, kUnlimited));
    c.input_grad(0, mul(g, slope));
  }
  if (c.needs(1)) c.input_grad(1, mul(g, sub(log1p(neg(x)), log(x))));
}

/// The targets of each row that are before its first negative one, [N, C].
Tensor leading_targets(const Tensor& target) {
  const int64_t classes = target.dim(1);
  const Tensor negative = cast(lt(target, 0.0), DType::kInt64);
  const Tensor place = arange(0, static_cast<double>(classes), 1, DType::kInt64, target.device());
  const Tensor first = where(any(negative, {1}, kKeepDim), argmax(negative, 1, kKeepDim),
                             full({}, static_cast<double>(classes), DType::kInt64, target.device()));
  return lt(place, first);
}

}  // namespace

const OpDef& op::binary_cross_entropy() {
  static const OpDef def = define<NoAttrs>({.name = "binary_cross_entropy",
                                            .doc = "-(t log x + (1 - t) log(1 - x))",
                                            .infer = infer_bce,
                                            .vjp = vjp_bce,
                                            .saves = Saves::kInputs,
                                            .reference = reference_bce,
                                            .cost = per_element<8>,
                                            .elementwise = true});
  return def;
}

Tensor cross_entropy(const Tensor& x, const Tensor& target, const ClassLossOptions& o) {
  check_floating_input("cross_entropy", x);
  if (!(o.label_smoothing >= 0 && o.label_smoothing <= 1)) {
    fail(ErrorKind::kConfig, "cross_entropy expects label_smoothing from 0 to 1, got {}", o.label_smoothing);
  }
  if (x.rank() == 0) fail_target("cross_entropy", x, target);
  const bool single = x.rank() == 1;
  const Tensor scores = single ? unsqueeze(x, 0) : x;
  Tensor loss;
  if (target.shape() == x.shape()) {
    loss = probability_cross_entropy(scores, single ? unsqueeze(target, 0) : target, o);
  } else {
    Tensor t = class_targets("cross_entropy", x, target, o.weight);
    if (single) t = unsqueeze(t, 0);
    if (o.reduction != Reduction::kNone) {
      const LossSum sums = cross_entropy(scores, t, o.weight, o.ignore_index, o.label_smoothing);
      return reduced(sums, o.reduction, x.dtype());
    }
    loss = cross_entropy_values(scores, t, o);
  }
  return single && o.reduction == Reduction::kNone ? squeeze(loss, 0) : loss;
}

Tensor nll_loss(const Tensor& x, const Tensor& target, const ClassLossOptions& o) {
  check_floating_input("nll_loss", x);
  Tensor t = class_targets("nll_loss", x, target, o.weight);
  const bool single = x.rank() == 1;
  const Tensor logs = single ? unsqueeze(x, 0) : x;
  if (single) t = unsqueeze(t, 0);
  if (o.reduction != Reduction::kNone) {
    return reduced(nll_loss(logs, t, o.weight, o.ignore_index), o.reduction, x.dtype());
  }
  const Tensor loss = nll_values(logs, t, o);
  return single ? squeeze(loss, 0) : loss;
}

Tensor binary_cross_entropy(const Tensor& x, const Tensor& target, Reduction reduction,
                            const Tensor& weight) {
  check_floating_input("binary_cross_entropy", x);
  if (!x.is_meta()) {
    const Tensor fixed = x.detach();
    if (all(logical_and(ge(fixed, 0.0), le(fixed, 1.0))).item() == 0) {
      fail(ErrorKind::kData, "binary_cross_entropy expects probabilities from 0 to 1");
    }
  }
  Tensor values = apply1(op::binary_cross_entropy(), {x, target});
  if (weight.defined()) values = mul(values, weight);
  return reduce_loss(values, reduction);
}

Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& target, Reduction reduction,
                                        const Tensor& weight, const Tensor& pos_weight) {
  check_floating_input("binary_cross_entropy_with_logits", x);
  if (!(x.shape() == target.shape())) fail_target("binary_cross_entropy_with_logits", x, target);
  // Both terms are positive, so nothing cancels, and both are smooth, so the gradient at 0 is right.
  Tensor positive = mul(target, logsigmoid(x));
  if (pos_weight.defined()) positive = mul(positive, pos_weight);
  Tensor values = neg(add(positive, mul(1.0 - target, logsigmoid(neg(x)))));
  if (weight.defined()) values = mul(values, weight);
  return reduce_loss(values, reduction);
}

Tensor soft_margin_loss(const Tensor& x, const Tensor& target, Reduction reduction) {
  check_floating_input("soft_margin_loss", x);
  return reduce_loss(neg(logsigmoid(mul(target, x))), reduction);
}

Tensor multilabel_soft_margin_loss(const Tensor& x, const Tensor& target, Reduction reduction,
                                   const Tensor& weight) {
  check_floating_input("multilabel_soft_margin_loss", x);
  if (x.rank() == 0) fail_target("multilabel_soft_margin_loss", x, target);
  Tensor values = neg(add(mul(target, logsigmoid(x)), mul(1.0 - target, logsigmoid(neg(x)))));
  if (weight.defined()) values = mul(values, weight);
  return reduce_loss(mean(values, {-1}), reduction);
}

Tensor multi_margin_loss(const Tensor& x, const Tensor& target, const MultiMarginOptions& o) {
  check_floating_input("multi_margin_loss", x);
  if (o.p != 1 && o.p != 2) fail(ErrorKind::kConfig, "multi_margin_loss expects p of 1 or 2, got {}", o.p);
  if (x.rank() > 2) fail_target("multi_margin_loss", x, target);
  if (x.rank() == 0) return multi_margin_loss(reshape(x, {1}), target, o);
  const bool single = x.rank() == 1;
  // One target for a row is the same as a target without dimensions.
  const bool row_of_one = single && target.rank() == 1 && target.dim(0) == 1;
  Tensor t = class_targets("multi_margin_loss", x, row_of_one ? squeeze(target, 0) : target, o.weight);
  const Tensor scores = single ? unsqueeze(x, 0) : x;
  const int64_t classes = scores.dim(1);
  t = reshape(t, {-1, 1});
  const Tensor chosen = gather(scores, 1, t);
  Tensor excess = relu(add(sub(scores, chosen), o.margin));
  if (o.p == 2) excess = square(excess);
  if (o.weight.defined()) {
    excess = mul(excess, unsqueeze(index_select(o.weight, 0, reshape(t, {-1})), 1));
  }
  const Tensor others = ne(arange(0, static_cast<double>(classes), 1, DType::kInt64, x.device()), t);
  const Tensor kept = where(others, excess, constant_like(excess, 0));
  const Tensor values = sum(kept, {1}) / static_cast<double>(classes);
  return reduce_loss(single ? reshape(values, target.shape()) : values, o.reduction);
}

Tensor multilabel_margin_loss(const Tensor& x, const Tensor& target, Reduction reduction) {
  check_floating_input("multilabel_margin_loss", x);
  const bool fits = x.rank() <= 2 && x.shape() == target.shape();
  if (!fits) fail_target("multilabel_margin_loss", x, target);
  if (!is_integral(target.dtype())) {
    fail(ErrorKind::kDtype, "multilabel_margin_loss expects an integer target, got {}",
         dtype_name(target.dtype()));
  }
  const bool single = x.rank() < 2;
  const Tensor scores = single ? reshape(x, {1, -1}) : x;
  const Tensor t = cast(single ? reshape(target, {1, -1}) : target, DType::kInt64);
  const int64_t classes = scores.dim(1);
  if (classes == 0) return reduce_loss(sum(scores, single ? Dims{} : Dims{1}), reduction);
  const Tensor counts = leading_targets(t);
  const Tensor index = where(counts, t, constant_like(t, 0));
  const Tensor is_target = gt(scatter_add(zeros_like(index), 1, index, cast(counts, DType::kInt64)), 0.0);
  // [N, target, other class]
  const Tensor chosen = unsqueeze(gather(scores, 1, index), 2);
  const Tensor excess = relu(add(sub(unsqueeze(scores, 1), chosen), 1.0));
  const Tensor pairs = logical_and(unsqueeze(counts, 2), unsqueeze(logical_not(is_target), 1));
  const Tensor kept = where(pairs, excess, constant_like(excess, 0));
  const Tensor values = sum(kept, {1, 2}) / static_cast<double>(classes);
  return reduce_loss(single ? squeeze(values, 0) : values, reduction);
}

}  // namespace dlb
