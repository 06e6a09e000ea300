#include "dlb/nn/losses_values.h"

#include <cmath>

#include "dlb/nn/loss_parts.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/ctc.h"
#include "dlb/ops/loss_regression.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb::nn {

LossSum LogCosh::compute(const Tensor& prediction, const Tensor& target) const {
  const Tensor d = sub(prediction, matching(prediction, target, "log_cosh"));
  return total(add(add(d, softplus(mul(d, -2.0))), -std::log(2.0)));
}

Fields Quantile::fields() {
  static const Field list[] = {field<&Quantile::q>("q", "which quantile", between(0, 1))};
  return list;
}
LossSum Quantile::compute(const Tensor& prediction, const Tensor& target) const {
  const Tensor d = sub(matching(prediction, target, "quantile"), prediction);
  return total(maximum(mul(d, q), mul(d, q - 1)));
}

Fields PoissonNll::fields() {
  static const Field list[] = {
      field<&PoissonNll::log_input>("log_input", "predictions are logarithms of rates"),
      field<&PoissonNll::full>("full", "add Stirling's approximation of the target's term"),
      field<&PoissonNll::eps>("eps", "added to rates that are no logarithms", positive()),
  };
  return list;
}
LossSum PoissonNll::compute(const Tensor& prediction, const Tensor& target) const {
  return total(poisson_nll_loss(prediction, matching(prediction, target, "poisson_nll"),
                                {log_input, full, eps, Reduction::kNone}));
}

Fields GaussianNll::fields() {
  static const Field list[] = {
      field<&GaussianNll::log_variance>("log_variance", "the second prediction is the variance's logarithm"),
      field<&GaussianNll::full>("full", "add the constant term"),
      field<&GaussianNll::eps>("eps", "least variance", positive()),
  };
  return list;
}
LossSum GaussianNll::evaluate(Inputs predictions, Inputs targets) const {
  const Tensor& x = predictions[0];
  const Tensor variance = log_variance ? exp(predictions[1]) : predictions[1];
  return total(
      gaussian_nll_loss(x, matching(x, targets[0], "gaussian_nll"), variance, {full, eps, Reduction::kNone}));
}

Fields KlDiv::fields() {
  static const Field list[] = {
      field<&KlDiv::reduction>("reduction", "what the sum is divided by: all elements, or the batch",
                               one_of({"mean", "batch_mean"})),
      field<&KlDiv::log_target>("log_target", "targets are log-probabilities, too"),
  };
  return list;
}
LossSum KlDiv::compute(const Tensor& prediction, const Tensor& target) const {
  KlDivOptions o;
  o.reduction = Reduction::kNone;
  o.log_target = log_target;
  const Tensor values = kl_div(prediction, matching(prediction, target, "kl_div"), o);
  return reduction == "mean" || values.rank() == 0 ? total(values) : total(values, values.dim(0));
}

LossSum KlNormal::evaluate(Inputs predictions, Inputs /*targets*/) const {
  const Tensor &mu = predictions[0], &logvar = predictions[1];
  expect_alike(mu, logvar, "kl_normal");
  expect_form(mu.rank() >= 1, "kl_normal", "mu", "[N, ...]", mu);
  const Tensor values = mul(sub(add(square(mu), exp(logvar)), add(logvar, 1.0)), 0.5);
  return total(values, mu.dim(0));
}

LossSum Value::evaluate(Inputs predictions, Inputs /*targets*/) const { return total(predictions[0]); }

Fields Ctc::fields() {
  static const Field list[] = {
      field<&Ctc::blank>("blank", "class that stands for nothing", non_negative()),
      field<&Ctc::zero_infinity>("zero_infinity", "targets longer than their input give 0, not infinity"),
  };
  return list;
}
LossSum Ctc::evaluate(Inputs predictions, Inputs targets) const {
  const Tensor &x = predictions[0], &t = targets[0];
  expect_form(x.rank() == 3, "ctc", "logits", "[N, T, C]", x);
  expect_form(t.rank() == 2 && t.dim(0) == x.dim(0), "ctc", "targets", fmt::format("[{}, S]", x.dim(0)), t);
  const int64_t n = x.dim(0);
  Tensor in_lengths, lengths;
  if (predictions.size() > 1) in_lengths = cast(predictions[1], DType::kInt64);
  if (targets.size() > 1) lengths = cast(targets[1], DType::kInt64);
  if (!in_lengths.defined()) {
    in_lengths = full({n}, static_cast<double>(x.dim(1)), DType::kInt64, x.device());
  }
  if (!lengths.defined()) {
    std::vector<int64_t> counts;
    if (!t.is_meta()) {
      const std::vector<int64_t> all = t.to_vector<int64_t>();
      const auto width = static_cast<size_t>(t.dim(1));
      for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
        size_t k = 0;
        while (k < width && all[i * width + k] >= 0 && all[i * width + k] != blank) ++k;
        counts.push_back(static_cast<int64_t>(k));
      }
    }
    lengths = t.is_meta() ? Tensor::empty({n}, DType::kInt64, kMeta) : Tensor::from(counts, {n});
  }
  CtcOptions o;
  o.blank = blank;
  o.reduction = Reduction::kNone;
  o.zero_infinity = zero_infinity;
  const Tensor logs = transpose(log_softmax(x, 2), 0, 1);
  const Tensor values = ctc_loss(logs, cast(t, DType::kInt64), in_lengths, lengths, o);
  return total(div(values, cast(clamp(lengths, 1, 0x1p62), values.dtype())));
}

}  // namespace dlb::nn
