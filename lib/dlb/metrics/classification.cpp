#include "dlb/metrics/classification.h"

#include <cmath>
#include <limits>

#include "dlb/metrics/form.h"
#include "dlb/ops/op.h"
#include "dlb/ops/reduce.h"

namespace dlb::metrics {

namespace {

double ratio(int64_t part, int64_t whole) {
  return whole == 0 ? std::numeric_limits<double>::quiet_NaN()
                    : static_cast<double>(part) / static_cast<double>(whole);
}

double ratio_or_zero(int64_t part, int64_t whole) { return whole == 0 ? 0.0 : ratio(part, whole); }

std::vector<Field> class_fields(std::vector<Field> own) {
  own.push_back(field<&ClassMetric::ignore_index>("ignore_index", "target that counts for nothing"));
  return own;
}

/// The class with the highest score for each target, and the targets.
struct Labels {
  std::vector<int64_t> predicted, actual;
};

Labels labels(const Tensor& prediction, const Tensor& target) {
  const NoGrad no_grad;
  return {argmax(prediction.detach(), 1).to_vector<int64_t>(), target.to_vector<int64_t>()};
}

/// NaN counts as the largest score, as in argmax.
bool above(double a, double b) { return std::isnan(a) ? !std::isnan(b) : a > b; }

}  // namespace

bool ClassMetric::check(const Tensor& prediction, const Tensor& target, std::string_view name) const {
  const Shape& p = prediction.shape();
  Shape expected;
  for (size_t i = 0; i < p.size(); ++i) {
    if (i != 1) expected.push_back(p[i]);
  }
  if (p.size() < 2 || p[1] == 0 || !(target.shape() == expected)) {
    fail(ErrorKind::kShape,
         "metric {} expects prediction [N, classes, ...] and target [N, ...], got {} and {}", name,
         shape_text(p), shape_text(target.shape()));
  }
  if (!is_floating(prediction.dtype()) || !is_integral(target.dtype())) {
    fail(ErrorKind::kDtype, "metric {} expects floating scores and integer classes, got {} and {}", name,
         dtype_name(prediction.dtype()), dtype_name(target.dtype()));
  }
  return !prediction.is_meta() && !target.is_meta();
}

Fields Accuracy::fields() {
  static const std::vector<Field> list = class_fields({});
  return list;
}

void Accuracy::update(const Tensor& prediction, const Tensor& target) {
  if (!check(prediction, target, "accuracy")) return;
  const Labels l = labels(prediction, target);
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
  if (prediction.rank() >= 2 && k > prediction.dim(1)) {
    fail(ErrorKind::kConfig, "top_k.k is {}, but there are {} classes", k, prediction.dim(1));
  }
  if (!check(prediction, target, "top_k")) return;
  const std::vector<float> scores = prediction.to_vector<float>();
  const std::vector<int64_t> actual = target.to_vector<int64_t>();
  const int64_t classes = prediction.dim(1);
  int64_t inner = 1;
  for (int i = 2; i < prediction.rank(); ++i) inner *= prediction.dim(i);
  for (size_t i = 0; i < actual.size(); ++i) {
    const int64_t label = actual[i];
    if (label == ignore_index) continue;
    ++total_;
    if (label < 0 || label >= classes) continue;
    const auto at = static_cast<int64_t>(i);
    const float* row = scores.data() + at / inner * classes * inner + at % inner;
    const auto own = static_cast<double>(row[label * inner]);
    int64_t before = 0;
    for (int64_t c = 0; c < classes && before < k; ++c) {
      const auto other = static_cast<double>(row[c * inner]);
      before += above(other, own) || (c < label && !above(own, other));
    }
    correct_ += before < k;
  }
}

double TopK::value() const { return ratio(correct_, total_); }

Fields ClassCounts::fields() {
  static const std::vector<Field> list = class_fields({field<&ClassCounts::average>(
      "average", "macro: mean over classes; micro: all classes together", one_of({"macro", "micro"}))});
  return list;
}

void ClassCounts::count(const Tensor& prediction, const Tensor& target, std::string_view name) {
  if (!check(prediction, target, name)) return;
  const auto classes = static_cast<size_t>(prediction.dim(1));
  if (counts_.size() < classes) counts_.resize(classes);
  const Labels l = labels(prediction, target);
  for (size_t i = 0; i < l.actual.size(); ++i) {
    const int64_t actual = l.actual[i];
    if (actual == ignore_index) continue;
    if (actual < 0 || actual >= prediction.dim(1)) {
      fail(ErrorKind::kData, "metric {}: target {} is outside the {} classes", name, actual, classes);
    }
    ++counts_[static_cast<size_t>(l.predicted[i])].predicted;
    ++counts_[static_cast<size_t>(actual)].actual;
    counts_[static_cast<size_t>(actual)].hits += actual == l.predicted[i];
  }
}

double ClassCounts::value() const {
  Count all;
  double sum = 0;
  int64_t classes = 0;
  for (const Count& c : counts_) {
    all.hits += c.hits;
    all.predicted += c.predicted;
    all.actual += c.actual;
    if (c.predicted == 0 && c.actual == 0) continue;
    ++classes;
    sum += score(c);
  }
  if (classes == 0) return std::numeric_limits<double>::quiet_NaN();
  return average == "micro" ? score(all) : sum / static_cast<double>(classes);
}

double Precision::score(const Count& c) const { return ratio_or_zero(c.hits, c.predicted); }
double Recall::score(const Count& c) const { return ratio_or_zero(c.hits, c.actual); }
double F1::score(const Count& c) const { return ratio_or_zero(2 * c.hits, c.predicted + c.actual); }

Fields BinaryAccuracy::fields() {
  static const Field list[] = {field<&BinaryAccuracy::threshold>(
      "threshold", "predictions above it are positive: 0 for logits, 0.5 for probabilities")};
  return list;
}

void BinaryAccuracy::update(const Tensor& prediction, const Tensor& target) {
  if (!check_equal_shapes(prediction, target, "binary_accuracy")) return;
  const std::vector<double> p = prediction.to_vector<double>(), t = target.to_vector<double>();
  for (size_t i = 0; i < p.size(); ++i) correct_ += (p[i] > threshold) == (t[i] > 0.5);
  total_ += static_cast<int64_t>(p.size());
}

double BinaryAccuracy::value() const { return ratio(correct_, total_); }

}  // namespace dlb::metrics
