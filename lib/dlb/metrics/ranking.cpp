#include "dlb/metrics/ranking.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "dlb/metrics/form.h"
#include "dlb/ops/op.h"
#include "dlb/ops/softmax.h"

namespace dlb::metrics {

Fields RankMetric::fields() {
  static const std::vector<Field> list = class_fields({field<&RankMetric::logits>(
      "logits", "scores of several classes are logits, to be compared as probabilities")});
  return list;
}

void RankMetric::keep(const Tensor& prediction, const Tensor& target, std::string_view name) {
  const NoGrad no_grad;
  const bool binary = prediction.shape() == target.shape();
  if (!(binary ? check_equal_shapes(prediction, target, name) : check(prediction, target, name))) return;
  const int64_t classes = binary ? 0 : prediction.dim(class_axis(prediction, name));
  if (!labels_.empty() && classes != classes_)
    fail(ErrorKind::kShape, "metric {} saw {} classes before, now {}", name, classes_, classes);
  classes_ = classes;
  if (binary) {
    const std::vector<float> p = prediction.to_vector<float>();
    const std::vector<double> t = target.to_vector<double>();
    scores_.insert(scores_.end(), p.begin(), p.end());
    for (const double v : t) labels_.push_back(v > 0.5);
    return;
  }
  const Tensor all = rows(prediction);
  const std::vector<float> p = (logits ? softmax(all, -1) : all).to_vector<float>();
  const std::vector<int64_t> t = target.to_vector<int64_t>();
  for (size_t i = 0; i < t.size(); ++i) {
    if (t[i] == ignore_index) continue;
    labels_.push_back(t[i]);
    const auto row = p.begin() + static_cast<std::ptrdiff_t>(i) * classes;
    scores_.insert(scores_.end(), row, row + classes);
  }
}

double RankMetric::of_class(int64_t c) const {
  const size_t stride = classes_ == 0 ? 1 : static_cast<size_t>(classes_);
  std::vector<Scored> entries(labels_.size());
  double positives = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    entries[i] = {scores_[i * stride + static_cast<size_t>(c)],
                  classes_ == 0 ? labels_[i] == 1 : labels_[i] == c};
    positives += entries[i].positive;
  }
  if (positives == 0 || positives == static_cast<double>(entries.size()))
    return std::numeric_limits<double>::quiet_NaN();
  std::sort(entries.begin(), entries.end(),
            [](const Scored& a, const Scored& b) { return a.score > b.score; });
  return curve(entries, positives);
}

double RankMetric::value() const {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  if (std::any_of(scores_.begin(), scores_.end(), [](float s) { return std::isnan(s); })) return nan;
  if (classes_ == 0) return of_class(0);
  double sum = 0;
  int64_t count = 0;
  for (int64_t c = 0; c < classes_; ++c) {
    const double v = of_class(c);
    if (std::isnan(v)) continue;
    sum += v;
    ++count;
  }
  return count == 0 ? nan : sum / static_cast<double>(count);
}

double Auroc::curve(const std::vector<Scored>& ordered, double positives) const {
  double above = 0, area = 0;
  for (size_t i = 0; i < ordered.size();) {
    double positive = 0, negative = 0;
    for (const float score = ordered[i].score; i < ordered.size() && ordered[i].score == score; ++i)
      (ordered[i].positive ? positive : negative) += 1;
    area += negative * (above + positive / 2);
    above += positive;
  }
  return area / (positives * (static_cast<double>(ordered.size()) - positives));
}

double AveragePrecision::curve(const std::vector<Scored>& ordered, double positives) const {
  double found = 0, sum = 0;
  for (size_t i = 0; i < ordered.size();) {
    double positive = 0;
    for (const float score = ordered[i].score; i < ordered.size() && ordered[i].score == score; ++i)
      positive += ordered[i].positive;
    found += positive;
    sum += positive * found / static_cast<double>(i);
  }
  return sum / positives;
}

}  // namespace dlb::metrics
