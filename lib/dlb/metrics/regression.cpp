#include "dlb/metrics/regression.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "dlb/metrics/form.h"

namespace dlb::metrics {

void MeanError::reset() {
  sum_ = 0;
  count_ = 0;
}

void MeanError::accumulate(const Tensor& prediction, const Tensor& target, std::string_view name,
                           bool squared) {
  if (!check_equal_shapes(prediction, target, name)) return;
  const std::vector<double> p = prediction.to_vector<double>(), t = target.to_vector<double>();
  for (size_t i = 0; i < p.size(); ++i) {
    const double d = p[i] - t[i];
    sum_ += squared ? d * d : std::abs(d);
  }
  count_ += static_cast<int64_t>(p.size());
}

double MeanError::value() const {
  return count_ == 0 ? std::numeric_limits<double>::quiet_NaN() : sum_ / static_cast<double>(count_);
}

double Rmse::value() const { return std::sqrt(MeanError::value()); }

Fields MeanRelativeError::fields() {
  static const Field list[] = {
      field<&MeanRelativeError::eps>("eps", "smallest magnitude that a target is divided as", positive())};
  return list;
}

void MeanRelativeError::update(const Tensor& prediction, const Tensor& target) {
  if (!check_equal_shapes(prediction, target, "mean_relative_error")) return;
  const std::vector<double> p = prediction.to_vector<double>(), t = target.to_vector<double>();
  for (size_t i = 0; i < p.size(); ++i) add(std::abs(p[i] - t[i]) / std::max(std::abs(t[i]), eps));
}

Fields Psnr::fields() {
  static const Field list[] = {
      field<&Psnr::range>("range", "difference of the largest and the smallest possible value", positive())};
  return list;
}

double Psnr::value() const { return 10 * std::log10(range * range / MeanError::value()); }

void R2::update(const Tensor& prediction, const Tensor& target) {
  if (!check_equal_shapes(prediction, target, "r2")) return;
  const std::vector<double> p = prediction.to_vector<double>(), t = target.to_vector<double>();
  if (p.empty()) return;
  const size_t width = prediction.rank() == 0 ? 1 : p.size() / static_cast<size_t>(prediction.dim(0));
  if (outputs_.empty()) outputs_.resize(width);
  if (outputs_.size() != width) {
    fail(ErrorKind::kShape, "metric r2 saw {} outputs per sample before, now {}", outputs_.size(), width);
  }
  for (size_t i = 0; i < p.size(); ++i) {
    Output& o = outputs_[i % width];
    ++o.count;
    const double before = t[i] - o.mean;  // Welford's update keeps precision where the mean is large
    o.mean += before / static_cast<double>(o.count);
    o.spread += before * (t[i] - o.mean);
    o.residual += (p[i] - t[i]) * (p[i] - t[i]);
  }
}

double R2::value() const {
  if (outputs_.empty() || outputs_[0].count < 2) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  for (const Output& o : outputs_) {
    if (o.spread > 0) {
      sum += 1 - o.residual / o.spread;
    } else {
      sum += o.residual == 0 ? 1 : 0;
    }
  }
  return sum / static_cast<double>(outputs_.size());
}

}  // namespace dlb::metrics
