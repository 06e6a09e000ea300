#include "dlb/metrics/binary.h"

#include <limits>

#include "dlb/metrics/form.h"

namespace dlb::metrics {

namespace {

/// NaN when nothing was seen, 0 when nothing is to be divided.
double share(int64_t part, int64_t whole, int64_t seen) {
  if (seen == 0) return std::numeric_limits<double>::quiet_NaN();
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

Fields BinaryMetric::fields() {
  static const Field list[] = {field<&BinaryMetric::threshold>(
      "threshold", "predictions above it are positive: 0 for logits, 0.5 for probabilities")};
  return list;
}

void BinaryMetric::count(const Tensor& prediction, const Tensor& target, std::string_view name) {
  if (!check_equal_shapes(prediction, target, name)) return;
  const std::vector<double> p = prediction.to_vector<double>(), t = target.to_vector<double>();
  for (size_t i = 0; i < p.size(); ++i) {
    const bool predicted = p[i] > threshold, actual = t[i] > 0.5;
    predicted_ += predicted;
    actual_ += actual;
    hits_ += predicted && actual;
  }
  total_ += static_cast<int64_t>(p.size());
}

double BinaryAccuracy::value() const {
  return share(total_ - predicted_ - actual_ + 2 * hits_, total_, total_);
}
double BinaryPrecision::value() const { return share(hits_, predicted_, total_); }
double BinaryRecall::value() const { return share(hits_, actual_, total_); }
double BinaryF1::value() const { return share(2 * hits_, predicted_ + actual_, total_); }
double BinaryIou::value() const { return share(hits_, predicted_ + actual_ - hits_, total_); }

}  // namespace dlb::metrics
