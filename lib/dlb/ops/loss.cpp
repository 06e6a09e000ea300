#include "dlb/ops/loss.h"

#include "dlb/ops/binary.h"
#include "dlb/ops/binary_defs.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/index.h"
#include "dlb/ops/loss_defs.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"

namespace dlb {
namespace {

DType sum_dtype(DType x) { return x == DType::kFloat64 ? DType::kFloat64 : DType::kFloat32; }

/// Checks of target and class weights against scores of shape [N, C, *].
void check_classes(const Infer& c, const char* name, const Shape& scores, DType dtype, int target,
                   int weight) {
  if (scores.size() < 2) {
    fail(ErrorKind::kShape, "{} expects input [N, C, ...], got {}", name, shape_text(scores));
  }
  if (!is_floating(dtype)) {
    fail(ErrorKind::kDtype, "{} expects a floating dtype, got {}", name, dtype_name(dtype));
  }
  Shape expected = scores;
  expected.erase(1);
  const TensorSpec& t = c.input(target);
  if (!(t.shape == expected)) {
    fail(ErrorKind::kShape, "{} expects target {} for input {}, got {}", name, shape_text(expected),
         shape_text(scores), shape_text(t.shape));
  }
  if (t.dtype != DType::kInt64) {
    fail(ErrorKind::kDtype, "{} expects target of int64, got {}", name, dtype_name(t.dtype));
  }
  if (!c.has(weight)) return;
  const TensorSpec& w = c.input(weight);
  if (w.rank() != 1 || w.dim(0) != scores[1]) {
    fail(ErrorKind::kShape, "{} expects class weights [{}], got {}", name, scores[1], shape_text(w.shape));
  }
  if (w.dtype != dtype && w.dtype != sum_dtype(dtype)) {
    fail(ErrorKind::kDtype, "{} expects class weights of {}, got {}", name, dtype_name(dtype),
         dtype_name(w.dtype));
  }
}

void infer_cross_entropy(Infer& c, const ClassLossAttrs& a) {
  check_classes(c, "cross_entropy", c.input(0).shape, c.input(0).dtype, 1, 2);
  if (!(a.label_smoothing >= 0 && a.label_smoothing <= 1)) {
    fail(ErrorKind::kConfig, "cross_entropy expects label_smoothing from 0 to 1, got {}", a.label_smoothing);
  }
  for (int i = 0; i < 2; ++i) c.output(Shape{}, sum_dtype(c.input(0).dtype));
}

void infer_nll(Infer& c, const ClassLossAttrs&) {
  check_classes(c, "nll_loss", c.input(0).shape, c.input(0).dtype, 1, 2);
  for (int i = 0; i < 2; ++i) c.output(Shape{}, sum_dtype(c.input(0).dtype));
}

void check_scalar(const Infer& c, const char* name, DType dtype) {
  if (c.input(0).dtype != dtype) {
    fail(ErrorKind::kDtype, "{} expects a gradient of {}, got {}", name, dtype_name(dtype),
         dtype_name(c.input(0).dtype));
  }
  if (c.input(0).rank() != 0) {
    fail(ErrorKind::kShape, "{} expects a 0-d gradient, got {}", name, shape_text(c.input(0).shape));
  }
}

void infer_cross_entropy_grad(Infer& c, const ClassLossAttrs&) {
  const TensorSpec& x = c.input(1);
  check_classes(c, "cross_entropy_grad", x.shape, x.dtype, 2, 3);
  check_scalar(c, "cross_entropy_grad", sum_dtype(x.dtype));
  const bool rows = is_contiguous(x.shape, x.strides);
  c.output(TensorSpec{x.dtype, x.device, x.shape,
                      rows ? contiguous_strides(x.shape) : channels_last_strides(x.shape)});
}

void infer_nll_grad(Infer& c, const ClassLossAttrs& a) {
  check_classes(c, "nll_loss_grad", a.shape, a.dtype, 1, 2);
  check_scalar(c, "nll_loss_grad", sum_dtype(a.dtype));
  c.output(a.shape, a.dtype);
}

/// [C] as [1, C, 1, ...].
Tensor per_class(const Tensor& v, int rank) {
  Shape shape(static_cast<size_t>(rank), 1);
  shape[1] = v.dim(0);
  return reshape(v, shape);
}

/// What the loss multiplies -log p[n, c] with, [N, C, *].
Tensor coefficients(const Tensor& logits, const Tensor& target, const Tensor& weight,
                    const ClassLossAttrs& a) {
  const DType dtype = sum_dtype(logits.dtype());
  const int64_t classes = logits.dim(1);
  const Tensor valid = ne(target, static_cast<double>(a.ignore_index));
  const Tensor index = where(valid, target, zeros({}, DType::kInt64, target.device()));
  Dims order{0, target.rank()};
  for (int64_t i = 1; i < target.rank(); ++i) order.push_back(i);
  const Tensor chosen = permute(one_hot(index, classes, dtype), order);
  Tensor all = add(mul(chosen, 1 - a.label_smoothing), a.label_smoothing / static_cast<double>(classes));
  if (weight.defined()) all = mul(all, per_class(weight, logits.rank()));
  return mul(all, unsqueeze(cast(valid, dtype), 1));
}

void vjp_cross_entropy(Vjp& c, const ClassLossAttrs& a) {
  if (!c.needs(0) || !c.grad(0).defined()) return;
  const Tensor& logits = c.input(0);
  const Tensor& target = c.input(1);
  const Tensor weight = c.has(2) ? c.input(2) : Tensor{};
  if (!grad_enabled()) {
    c.input_grad(0, apply1(op::cross_entropy_grad(), {c.grad(0), logits, target, weight}, a));
    return;
  }
  // The gradient is to be differentiated: build it from simple operators.
  const Tensor k = coefficients(logits, target, weight, a);
  const Tensor p = softmax(cast(logits, sum_dtype(logits.dtype())), 1);
  const Tensor d = sub(mul(p, sum(k, {1}, kKeepDim)), k);
  c.input_grad(0, cast(mul(d, c.grad(0)), logits.dtype()));
}

Outputs reference_cross_entropy(Inputs in, const ClassLossAttrs& a) {
  const Tensor weight = in.size() > 2 ? in[2] : Tensor{};
  const DType dtype = sum_dtype(in[0].dtype());
  const Tensor k = coefficients(in[0], in[1], weight, a);
  ClassLossAttrs plain = a;
  plain.label_smoothing = 0;
  const Tensor count = sum(coefficients(in[0], in[1], weight, plain));
  return {neg(sum(mul(k, log_softmax(cast(in[0], dtype), 1)))), count};
}

void vjp_nll(Vjp& c, const ClassLossAttrs& a) {
  if (!c.needs(0) || !c.grad(0).defined()) return;
  ClassLossAttrs full = a;
  full.shape = c.input(0).shape();
  full.dtype = c.input(0).dtype();
  c.input_grad(0,
               apply1(op::nll_loss_grad(), {c.grad(0), c.input(1), c.has(2) ? c.input(2) : Tensor{}}, full));
}

/// The loss is linear in the log-probabilities, so the gradient's gradient is the loss again.
void vjp_nll_grad(Vjp& c, const ClassLossAttrs& a) {
  if (!c.needs(0)) return;
  c.input_grad(0, nll_loss(c.grad(0), c.input(1), c.has(2) ? c.input(2) : Tensor{}, a.ignore_index).sum);
}

/// Maximum, subtraction, exponential, sum, and the combination with the target.
Cost cost_scores(Inputs in, Inputs out, const ClassLossAttrs&) {
  // The scores are the first input of the loss and the second of its gradient.
  const size_t scores = in[0].rank() > 0 ? 0 : 1;
  return {5 * static_cast<double>(in[scores].numel()), moved_bytes(in, out)};
}

/// One multiply-add for each target.
Cost cost_nll(Inputs in, Inputs out, const ClassLossAttrs&) {
  return {2 * static_cast<double>(in[1].numel()), moved_bytes(in, out)};
}

Tensor in_either_layout(const Tensor& x) { return x.is_channels_last() ? x : contiguous(x); }

}  // namespace

namespace op {

const OpDef& cross_entropy() {
  static const OpDef def = define<ClassLossAttrs>({.name = "cross_entropy",
                                                   .doc = "-log softmax of the target class, summed",
                                                   .infer = infer_cross_entropy,
                                                   .vjp = vjp_cross_entropy,
                                                   .saves = Saves::kInputs,
                                                   .reference = reference_cross_entropy,
                                                   .cost = cost_scores,
                                                   .onnx = {"SoftmaxCrossEntropyLoss", 13}});
  return def;
}
const OpDef& cross_entropy_grad() {
  static const OpDef def = define<ClassLossAttrs>({.name = "cross_entropy_grad",
                                                   .doc = "gradient of cross_entropy",
                                                   .infer = infer_cross_entropy_grad,
                                                   .cost = cost_scores});
  return def;
}
const OpDef& nll_loss() {
  static const OpDef def =
      define<ClassLossAttrs>({.name = "nll_loss",
                              .doc = "minus the log-probability of the target class, summed",
                              .infer = infer_nll,
                              .vjp = vjp_nll,
                              .saves = Saves::kInputs,
                              .cost = cost_nll,
                              .onnx = {"NegativeLogLikelihoodLoss", 13}});
  return def;
}
const OpDef& nll_loss_grad() {
  static const OpDef def = define<ClassLossAttrs>({.name = "nll_loss_grad",
                                                   .doc = "gradient of nll_loss",
                                                   .infer = infer_nll_grad,
                                                   .vjp = vjp_nll_grad,
                                                   .saves = Saves::kInputs,
                                                   .cost = cost_nll});
  return def;
}

}  // namespace op

std::span<const OpDef* const> loss_ops() {
  static const OpDef* const list[] = {&op::cross_entropy(), &op::cross_entropy_grad(), &op::nll_loss(),
                                      &op::nll_loss_grad(), &op::binary_cross_entropy()};
  return list;
}

LossSum cross_entropy(const Tensor& logits, const Tensor& target, const Tensor& weight, int64_t ignore_index,
                      double label_smoothing) {
  const Outputs out = apply(op::cross_entropy(), {in_either_layout(logits), contiguous(target), weight},
                            ClassLossAttrs{ignore_index, label_smoothing, {}, logits.dtype()});
  return {out[0], out[1]};
}

LossSum nll_loss(const Tensor& log_probabilities, const Tensor& target, const Tensor& weight,
                 int64_t ignore_index) {
  const Outputs out = apply(op::nll_loss(), {in_either_layout(log_probabilities), contiguous(target), weight},
                            ClassLossAttrs{ignore_index, 0, {}, log_probabilities.dtype()});
  return {out[0], out[1]};
}

namespace {

/// 16-bit types are summed as float32.
Tensor wide(const Tensor& x) { return dtype_size(x.dtype()) == 2 ? cast(x, DType::kFloat32) : x; }

LossSum sum_of(const Tensor& per_element) {
  return {sum(per_element),
          full({}, static_cast<double>(per_element.numel()), per_element.dtype(), per_element.device())};
}

void check_pair(const char* name, const Tensor& x, const Tensor& target) {
  if (!is_floating(x.dtype()) || !is_floating(target.dtype())) {
    fail(ErrorKind::kDtype, "{} expects floating input and target, got {} and {}", name,
         dtype_name(x.dtype()), dtype_name(target.dtype()));
  }
  if (!(x.shape() == target.shape())) {
    fail(ErrorKind::kShape, "{} expects target {}, got {}", name, shape_text(x.shape()),
         shape_text(target.shape()));
  }
}

Tensor difference(const char* name, const Tensor& x, const Tensor& target) {
  check_pair(name, x, target);
  return sub(wide(x), wide(target));
}

/// c (|d| - c / 2) with c = min(|d|, delta).
Tensor huber(const Tensor& d, double delta) {
  const Tensor size = abs(d);
  const Tensor c = clamp(size, 0, delta);
  return mul(c, sub(size, mul(c, 0.5)));
}

}  // namespace

Tensor mean_loss(const LossSum& loss) { return div(loss.sum, loss.count); }

LossSum mse_loss(const Tensor& x, const Tensor& target) {
  return sum_of(square(difference("mse_loss", x, target)));
}

LossSum l1_loss(const Tensor& x, const Tensor& target) {
  return sum_of(abs(difference("l1_loss", x, target)));
}

LossSum huber_loss(const Tensor& x, const Tensor& target, double delta) {
  if (!(delta > 0)) fail(ErrorKind::kConfig, "huber_loss expects delta > 0, got {}", delta);
  return sum_of(huber(difference("huber_loss", x, target), delta));
}

LossSum smooth_l1_loss(const Tensor& x, const Tensor& target, double beta) {
  if (!(beta >= 0)) fail(ErrorKind::kConfig, "smooth_l1_loss expects beta >= 0, got {}", beta);
  const Tensor d = difference("smooth_l1_loss", x, target);
  return sum_of(beta == 0 ? abs(d) : mul(huber(d, beta), 1 / beta));
}

LossSum bce_with_logits(const Tensor& x, const Tensor& target, const Tensor& pos_weight) {
  check_pair("bce_with_logits", x, target);
  const Tensor logits = wide(x);
  const Tensor t = wide(target);
  if (!pos_weight.defined() && logits.dtype() == t.dtype())
    return sum_of(bce_with_logits_elements(logits, t));
  // Both terms are positive, so nothing cancels, and both are smooth, so the gradient at 0 is right.
  Tensor positive = mul(t, logsigmoid(logits));
  if (pos_weight.defined()) positive = mul(positive, wide(pos_weight));
  const Tensor negative = mul(1.0 - t, logsigmoid(neg(logits)));
  return sum_of(neg(add(positive, negative)));
}

}  // namespace dlb
