#include "dlb/metrics/classification.h"

#include <cmath>
#include <limits>

#include "dlb/metrics/form.h"
#include "dlb/ops/op.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/view.h"

namespace dlb::metrics {

namespace {

double ratio_or_zero(int64_t part, int64_t whole) { return whole == 0 ? 0.0 : ratio(part, whole); }

/// The class with the highest score for each target, and the targets.
struct Labels {
  std::vector<int64_t> predicted, actual;
};

Labels labels(const Tensor& prediction, const Tensor& target, int64_t axis) {
  const NoGrad no_grad;
  return {argmax(prediction.detach(), axis).to_vector<int64_t>(), target.to_vector<int64_t>()};
}

/// The prediction's shape without the classes.
Shape without(const Shape& shape, size_t axis) {
  Shape out;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i != axis) out.push_back(shape[i]);
  }
  return out;
}

}  // namespace

int64_t rank_of(const float* scores, int64_t classes, int64_t label) {
  // NaN counts as the largest score, as in argmax.
  const auto above = [](float a, float b) { return std::isnan(a) ? !std::isnan(b) : a > b; };
  const float own = scores[label];
  int64_t before = 0;
  for (int64_t c = 0; c < classes; ++c)
    before += above(scores[c], own) || (c < label && !above(own, scores[c]));
  return before;
}

double ratio(int64_t part, int64_t whole) {
  return whole == 0 ? std::numeric_limits<double>::quiet_NaN()
                    : static_cast<double>(part) / static_cast<double>(whole);
}

std::vector<Field> class_fields(std::vector<Field> own) {
  own.push_back(field<&ClassMetric::ignore_index>("ignore_index", "target that counts for nothing"));
  own.push_back(field<&ClassMetric::class_dim>(
      "class_dim", "dimension of the classes: 1 in [N, C, ...], -1 in [N, ..., C]"));
  return own;
}

int64_t ClassMetric::class_axis(const Tensor& prediction, std::string_view name) const {
  const int64_t rank = prediction.rank();
  if (class_dim >= rank || class_dim < -rank) {
    fail(ErrorKind::kShape, "metric {}: class_dim is {}, but the prediction is {}", name, class_dim,
         shape_text(prediction.shape()));
  }
  return class_dim < 0 ? class_dim + rank : class_dim;
}

bool ClassMetric::check(const Tensor& prediction, const Tensor& target, std::string_view name) const {
  const Shape& p = prediction.shape();
  const auto fits = [&](int64_t axis) {
    return p.size() >= 2 && p[static_cast<size_t>(axis)] > 0 &&
           target.shape() == without(p, static_cast<size_t>(axis));
  };
  if (p.size() < 2 || !fits(class_axis(prediction, name))) {
    const std::string_view form = class_dim == -1  ? "[N, ..., classes]"
                                  : class_dim == 1 ? "[N, classes, ...]"
                                                   : "with classes along class_dim";
    Error e(ErrorKind::kShape,
            fmt::format("metric {} expects prediction {} and target [N, ...], got {} and {}", name, form,
                        shape_text(p), shape_text(target.shape())));
    const int64_t last = prediction.rank() - 1;
    if (class_dim == 1 && last > 1 && fits(last)) e.hint = "with the classes last, say `class_dim: -1`";
    throw e;
  }
  if (!is_floating(prediction.dtype()) || !is_integral(target.dtype())) {
    fail(ErrorKind::kDtype, "metric {} expects floating scores and integer classes, got {} and {}", name,
         dtype_name(prediction.dtype()), dtype_name(target.dtype()));
  }
  return !prediction.is_meta() && !target.is_meta();
}

Tensor ClassMetric::rows(const Tensor& prediction) const {
  const NoGrad no_grad;
  const int64_t axis = class_axis(prediction, "");
  const Tensor last = contiguous(movedim(prediction.detach(), {axis}, {-1}));
  return reshape(last, {last.numel() / last.dim(-1), last.dim(-1)});
}

Fields Accuracy::fields() {
  static const std::vector<Field> list = class_fields({});
  return list;
}

void Accuracy::update(const Tensor& prediction, const Tensor& target) {
  if (!check(prediction, target, "accuracy")) return;
  const Labels l = labels(prediction, target, class_axis(prediction, ""));
  for (size_t i = 0; i < l.actual.size(); ++i) {
    if (l.actual[i] == ignore_index) continue;
    ++total_;
    correct_ += l.actual[i] == l.predicted[i];
  }
}

double Accuracy::value() const { return ratio(correct_, total_); }

Fields TopK::fields() {
  static const std::vector<Field> list =
      class_fields({field<&TopK::k>("k", "how many of the highest scores may hold the target", positive())});
  return list;
}

void TopK::update(const Tensor& prediction, const Tensor& target) {
  const bool data = check(prediction, target, "top_k");
  const int64_t classes = prediction.dim(class_axis(prediction, "top_k"));
  if (k > classes) fail(ErrorKind::kConfig, "top_k.k is {}, but there are {} classes", k, classes);
  if (!data) return;
  const std::vector<float> scores = rows(prediction).to_vector<float>();
  const std::vector<int64_t> actual = target.to_vector<int64_t>();
  for (size_t i = 0; i < actual.size(); ++i) {
    const int64_t label = actual[i];
    if (label == ignore_index) continue;
    ++total_;
    if (label < 0 || label >= classes) continue;
    correct_ += rank_of(scores.data() + static_cast<int64_t>(i) * classes, classes, label) < k;
  }
}

double TopK::value() const { return ratio(correct_, total_); }

Fields ClassCounts::fields() {
  static const std::vector<Field> list = class_fields({});
  return list;
}

Fields AveragedCounts::fields() {
  static const std::vector<Field> list = class_fields({field<&AveragedCounts::average>(
      "average", "macro: mean over classes; micro: all classes together", one_of({"macro", "micro"}))});
  return list;
}

void ClassCounts::count(const Tensor& prediction, const Tensor& target, std::string_view name) {
  if (!check(prediction, target, name)) return;
  const auto classes = static_cast<size_t>(prediction.dim(class_axis(prediction, name)));
  if (counts_.size() < classes) counts_.resize(classes);
  const Labels l = labels(prediction, target, class_axis(prediction, ""));
  for (size_t i = 0; i < l.actual.size(); ++i) {
    const int64_t actual = l.actual[i];
    if (actual == ignore_index) continue;
    if (actual < 0 || actual >= static_cast<int64_t>(classes)) {
      fail(ErrorKind::kData, "metric {}: target {} is outside the {} classes", name, actual, classes);
    }
    ++counts_[static_cast<size_t>(l.predicted[i])].predicted;
    ++counts_[static_cast<size_t>(actual)].actual;
    counts_[static_cast<size_t>(actual)].hits += actual == l.predicted[i];
    seen(l.predicted[i], actual);
  }
}

int64_t ClassCounts::total() const {
  int64_t n = 0;
  for (const Count& c : counts_) n += c.actual;
  return n;
}

double AveragedCounts::value() const {
  Count all;
  const int64_t targets = total();
  double sum = 0;
  int64_t classes = 0;
  for (const Count& c : counts()) {
    all.hits += c.hits;
    all.predicted += c.predicted;
    all.actual += c.actual;
    if (c.predicted == 0 && c.actual == 0) continue;
    ++classes;
    sum += score(c, targets);
  }
  if (classes == 0) return std::numeric_limits<double>::quiet_NaN();
  if (average == "micro") return score(all, targets * static_cast<int64_t>(counts().size()));
  return sum / static_cast<double>(classes);
}

double Precision::score(const Count& c, int64_t /*total*/) const {
  return ratio_or_zero(c.hits, c.predicted);
}
double Recall::score(const Count& c, int64_t /*total*/) const { return ratio_or_zero(c.hits, c.actual); }
double F1::score(const Count& c, int64_t /*total*/) const {
  return ratio_or_zero(2 * c.hits, c.predicted + c.actual);
}
double Specificity::score(const Count& c, int64_t total) const {
  return ratio_or_zero(total - c.predicted - c.actual + c.hits, total - c.actual);
}
double Iou::score(const Count& c, int64_t /*total*/) const {
  return ratio_or_zero(c.hits, c.predicted + c.actual - c.hits);
}

double BalancedAccuracy::value() const {
  double sum = 0;
  int64_t classes = 0;
  for (const Count& c : counts()) {
    if (c.actual == 0) continue;
    sum += ratio(c.hits, c.actual);
    ++classes;
  }
  return classes == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / static_cast<double>(classes);
}

double Matthews::value() const {
  const auto n = static_cast<double>(total());
  if (n == 0) return std::numeric_limits<double>::quiet_NaN();
  double hits = 0, cross = 0, predicted = 0, actual = 0;
  for (const Count& c : counts()) {
    const auto p = static_cast<double>(c.predicted), a = static_cast<double>(c.actual);
    hits += static_cast<double>(c.hits);
    cross += p * a;
    predicted += p * p;
    actual += a * a;
  }
  const double spread = (n * n - predicted) * (n * n - actual);
  return spread > 0 ? (n * hits - cross) / std::sqrt(spread) : 0;
}

Fields CohenKappa::fields() {
  static const std::vector<Field> list = class_fields(
      {field<&CohenKappa::weights>("weights", "how much a disagreement counts: once, or by its distance",
                                   one_of({"none", "linear", "quadratic"}))});
  return list;
}

double CohenKappa::weight(int64_t predicted, int64_t actual) const {
  const auto d = static_cast<double>(predicted - actual);
  if (weights == "none") return d != 0 ? 1 : 0;
  return weights == "linear" ? std::abs(d) : d * d;
}

void CohenKappa::seen(int64_t predicted, int64_t actual) { observed_ += weight(predicted, actual); }

double CohenKappa::value() const {
  const auto n = static_cast<double>(total());
  if (n == 0) return std::numeric_limits<double>::quiet_NaN();
  // The sum over all pairs of weight p_i a_j, from running sums: there may be many classes.
  double agree = 0, p_first = 0, a_first = 0, p_second = 0, a_second = 0, p_so_far = 0, a_so_far = 0,
         apart = 0;
  for (size_t i = 0; i < counts().size(); ++i) {
    const auto at = static_cast<double>(i), p = static_cast<double>(counts()[i].predicted),
               a = static_cast<double>(counts()[i].actual);
    agree += p * a;
    p_first += at * p;
    a_first += at * a;
    p_second += at * at * p;
    a_second += at * at * a;
    p_so_far += p;
    a_so_far += a;
    apart += p_so_far * (n - a_so_far) + a_so_far * (n - p_so_far);
  }
  const double total_weight = weights == "none"     ? n * n - agree
                              : weights == "linear" ? apart
                                                    : n * (p_second + a_second) - 2 * p_first * a_first;
  const double expected = total_weight / n;
  return expected > 0 ? 1 - observed_ / expected : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace dlb::metrics
