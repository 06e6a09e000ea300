#include "dlb/functional/define.h"
#include "dlb/ops/create.h"
#include "dlb/ops/ctc.h"
#include "dlb/ops/loss_class.h"
#include "dlb/ops/loss_margin.h"
#include "dlb/ops/loss_regression.h"
#include "dlb/ops/shape_ops.h"

namespace dlb::functional {

namespace {

Reduction reduction_of(const std::string& name) {
  if (name == "none") return Reduction::kNone;
  if (name == "mean") return Reduction::kMean;
  if (name == "sum") return Reduction::kSum;
  fail(ErrorKind::kConfig, "a loss expects reduction none, mean or sum, got '{}'", name);
}

Tensor ctc(const Tensor& x, const Tensor& targets, const Tensor& input_lengths, const Tensor& target_lengths,
           int64_t blank, const std::string& reduction, bool zero_infinity) {
  return ctc_loss(x, targets, input_lengths, target_lengths, {blank, reduction_of(reduction), zero_infinity});
}

Tensor lengths_of(const Dims& lengths, const Tensor& like) {
  if (like.is_meta()) return Tensor::empty({static_cast<int64_t>(lengths.size())}, DType::kInt64, kMeta);
  return Tensor::from(std::vector<int64_t>(lengths.begin(), lengths.end()),
                      {static_cast<int64_t>(lengths.size())});
}

std::vector<Function> class_losses() {
  return {
      define(
          "cross_entropy", "-log softmax of the target class, or of class probabilities",
          {"input", "target", "weight = none", "ignore_index = -100", "reduction = 'mean'",
           "label_smoothing = 0.0"},
          +[](const Tensor& x, const Tensor& target, const Tensor& weight, int64_t ignore_index,
              const std::string& reduction, double smoothing) {
            return cross_entropy(x, target,
                                 ClassLossOptions{weight, ignore_index, reduction_of(reduction), smoothing});
          }),
      define(
          "nll_loss", "minus the log-probability of the target class",
          {"input", "target", "weight = none", "ignore_index = -100", "reduction = 'mean'"},
          +[](const Tensor& x, const Tensor& target, const Tensor& weight, int64_t ignore_index,
              const std::string& reduction) {
            return nll_loss(x, target, ClassLossOptions{weight, ignore_index, reduction_of(reduction), 0});
          }),
      define(
          "binary_cross_entropy", "-(t log x + (1 - t) log(1 - x))",
          {"input", "target", "weight = none", "reduction = 'mean'"},
          +[](const Tensor& x, const Tensor& target, const Tensor& weight, const std::string& reduction) {
            return binary_cross_entropy(x, target, reduction_of(reduction), weight);
          }),
      define(
          "binary_cross_entropy_with_logits", "binary cross-entropy of sigmoid(x)",
          {"input", "target", "weight = none", "reduction = 'mean'", "pos_weight = none"},
          +[](const Tensor& x, const Tensor& target, const Tensor& weight, const std::string& reduction,
              const Tensor& pos_weight) {
            return binary_cross_entropy_with_logits(x, target, reduction_of(reduction), weight, pos_weight);
          }),
      define(
          "soft_margin_loss", "log(1 + exp(-t x))", {"input", "target", "reduction = 'mean'"},
          +[](const Tensor& x, const Tensor& target, const std::string& reduction) {
            return soft_margin_loss(x, target, reduction_of(reduction));
          }),
      define(
          "multilabel_soft_margin_loss", "mean over classes of the binary cross-entropy of sigmoid(x)",
          {"input", "target", "weight = none", "reduction = 'mean'"},
          +[](const Tensor& x, const Tensor& target, const Tensor& weight, const std::string& reduction) {
            return multilabel_soft_margin_loss(x, target, reduction_of(reduction), weight);
          }),
      define(
          "multi_margin_loss", "sum over other classes of max(0, margin - x[t] + x[i])^p / C",
          {"input", "target", "p = 1", "margin = 1.0", "weight = none", "reduction = 'mean'"},
          +[](const Tensor& x, const Tensor& target, int64_t p, double margin, const Tensor& weight,
              const std::string& reduction) {
            return multi_margin_loss(x, target, {p, margin, weight, reduction_of(reduction)});
          }),
      define(
          "multilabel_margin_loss", "sum over targets and other classes of max(0, 1 - x[j] + x[i]) / C",
          {"input", "target", "reduction = 'mean'"},
          +[](const Tensor& x, const Tensor& target, const std::string& reduction) {
            return multilabel_margin_loss(x, target, reduction_of(reduction));
          }),
      define("ctc_loss", "-log of the probability of a target without alignment",
             {"log_probs", "targets", "input_lengths", "target_lengths", "blank = 0", "reduction = 'mean'",
              "zero_infinity = false"},
             &ctc),
      define(
          "ctc_loss", "-log of the probability of a target without alignment",
          {"log_probs", "targets", "input_lengths", "target_lengths", "blank = 0", "reduction = 'mean'",
           "zero_infinity = false"},
          +[](const Tensor& x, const Tensor& targets, const Dims& input_lengths, const Dims& target_lengths,
              int64_t blank, const std::string& reduction, bool zero_infinity) {
            return ctc(x, targets, lengths_of(input_lengths, x), lengths_of(target_lengths, x), blank,
                       reduction, zero_infinity);
          }),
  };
}

std::vector<Function> regression_losses() {
  return {
      define(
          "l1_loss", "|x - t|", {"input", "target", "reduction = 'mean'", "weight = none"},
          +[](const Tensor& x, const Tensor& target, const std::string& reduction, const Tensor& weight) {
            return l1_loss(x, target, reduction_of(reduction), weight);
          }),
      define(
          "mse_loss", "(x - t)^2", {"input", "target", "reduction = 'mean'", "weight = none"},
          +[](const Tensor& x, const Tensor& target, const std::string& reduction, const Tensor& weight) {
            return mse_loss(x, target, reduction_of(reduction), weight);
          }),
      define(
          "smooth_l1_loss", "0.5 d^2 / beta near 0, |d| - 0.5 beta beyond beta",
          {"input", "target", "reduction = 'mean'", "beta = 1.0"},
          +[](const Tensor& x, const Tensor& target, const std::string& reduction, double beta) {
            return smooth_l1_loss(x, target, reduction_of(reduction), beta);
          }),
      define(
          "huber_loss", "0.5 d^2 near 0, delta (|d| - 0.5 delta) beyond delta",
          {"input", "target", "reduction = 'mean'", "delta = 1.0", "weight = none"},
          +[](const Tensor& x, const Tensor& target, const std::string& reduction, double delta,
              const Tensor& weight) {
            return huber_loss(x, target, reduction_of(reduction), delta, weight);
          }),
      define(
          "kl_div", "Kullback-Leibler divergence from log-probabilities",
          {"input", "target", "reduction = 'mean'", "log_target = false"},
          +[](const Tensor& x, const Tensor& target, const std::string& reduction, bool log_target) {
            const bool batch = reduction == "batchmean";
            return kl_div(x, target, {batch ? Reduction::kSum : reduction_of(reduction), batch, log_target});
          }),
      define(
          "poisson_nll_loss", "exp(x) - t x, or x - t log(x + eps)",
          {"input", "target", "log_input = true", "full = false", "eps = 1e-8", "reduction = 'mean'"},
          +[](const Tensor& x, const Tensor& target, bool log_input, bool full_loss, double eps,
              const std::string& reduction) {
            return poisson_nll_loss(x, target, {log_input, full_loss, eps, reduction_of(reduction)});
          }),
      define(
          "gaussian_nll_loss", "0.5 (log v + (x - t)^2 / v)",
          {"input", "target", "var", "full = false", "eps = 1e-6", "reduction = 'mean'"},
          +[](const Tensor& x, const Tensor& target, const Operand& var, bool full_loss, double eps,
              const std::string& reduction) {
            const Tensor variance = var.is_scalar() ? expand(var.with(x), x.shape()) : var.tensor;
            return gaussian_nll_loss(x, target, variance, {full_loss, eps, reduction_of(reduction)});
          }),
  };
}

std::vector<Function> margin_losses() {
  return {
      define(
          "hinge_embedding_loss", "x where t = 1, max(0, margin - x) where t = -1",
          {"input", "target", "margin = 1.0", "reduction = 'mean'"},
          +[](const Tensor& x, const Tensor& target, double margin, const std::string& reduction) {
            return hinge_embedding_loss(x, target, reduction_of(reduction), margin);
          }),
      define(
          "cosine_embedding_loss", "1 - cos(a, b) where t = 1, max(0, cos(a, b) - margin) where t = -1",
          {"input1", "input2", "target", "margin = 0.0", "reduction = 'mean'"},
          +[](const Tensor& a, const Tensor& b, const Tensor& target, double margin,
              const std::string& reduction) {
            return cosine_embedding_loss(a, b, target, reduction_of(reduction), margin);
          }),
      define(
          "margin_ranking_loss", "max(0, -t (a - b) + margin)",
          {"input1", "input2", "target", "margin = 0.0", "reduction = 'mean'"},
          +[](const Tensor& a, const Tensor& b, const Tensor& target, double margin,
              const std::string& reduction) {
            return margin_ranking_loss(a, b, target, reduction_of(reduction), margin);
          }),
      define(
          "triplet_margin_loss", "max(0, |a - p| - |a - n| + margin)",
          {"anchor", "positive", "negative", "margin = 1.0", "p = 2.0", "eps = 1e-6", "swap = false",
           "reduction = 'mean'"},
          +[](const Tensor& anchor, const Tensor& positive, const Tensor& negative, double margin, double p,
              double eps, bool swap, const std::string& reduction) {
            return triplet_margin_loss(anchor, positive, negative,
                                       {margin, p, eps, swap, reduction_of(reduction)});
          }),
      define(
          "triplet_margin_with_distance_loss", "max(0, |a - p| - |a - n| + margin) with the 2-norm",
          {"anchor", "positive", "negative", "margin = 1.0", "swap = false", "reduction = 'mean'"},
          +[](const Tensor& anchor, const Tensor& positive, const Tensor& negative, double margin, bool swap,
              const std::string& reduction) {
            return triplet_margin_with_distance_loss(anchor, positive, negative, {},
                                                     {margin, 2, 1e-6, swap, reduction_of(reduction)});
          }),
  };
}

}  // namespace

std::vector<Function> loss_functions() {
  std::vector<Function> all = class_losses();
  for (const auto& more : {regression_losses(), margin_losses()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

}  // namespace dlb::functional
