#include "dlb/metrics/correlation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "dlb/metrics/form.h"

namespace dlb::metrics {

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Ranks from 1; NaN everywhere if a value is NaN, which has none.
std::vector<double> ranks(const std::vector<double>& values) {
  if (std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); }))
    return std::vector<double>(values.size(), kNan);
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> out(values.size());
  for (size_t i = 0; i < order.size();) {
    size_t end = i;
    while (end < order.size() && values[order[end]] == values[order[i]]) ++end;
    const double rank = (static_cast<double>(i) + static_cast<double>(end) + 1) / 2;
    for (; i < end; ++i) out[order[i]] = rank;
  }
  return out;
}

double correlation(double product, double a, double b) {
  return a > 0 && b > 0 ? product / std::sqrt(a) / std::sqrt(b) : kNan;
}

/// Values of a sample, the same for every batch. Errors: shape when it was another before.
size_t width_of(const Tensor& t, size_t before, std::string_view name) {
  const size_t width = t.rank() == 0 ? 1 : static_cast<size_t>(t.numel() / t.dim(0));
  if (before != 0 && before != width)
    fail(ErrorKind::kShape, "metric {} saw {} outputs per sample before, now {}", name, before, width);
  return width;
}

}  // namespace

void MomentMetric::accumulate(const Tensor& prediction, const Tensor& target, std::string_view name) {
  if (!check_equal_shapes(prediction, target, name) || prediction.numel() == 0) return;
  const std::vector<double> p = prediction.to_vector<double>(), t = target.to_vector<double>();
  outputs_.resize(width_of(prediction, outputs_.size(), name));
  for (size_t i = 0; i < p.size(); ++i) {
    Moments& m = outputs_[i % outputs_.size()];
    ++m.count;
    const double dp = p[i] - m.mean_p, dt = t[i] - m.mean_t;  // Welford's update, which keeps precision
    m.mean_p += dp / m.count;
    m.mean_t += dt / m.count;
    m.spread_p += dp * (p[i] - m.mean_p);
    m.spread_t += dt * (t[i] - m.mean_t);
    m.product += dp * (t[i] - m.mean_t);
  }
}

double MomentMetric::value() const {
  if (outputs_.empty() || outputs_[0].count < 2) return kNan;
  double sum = 0;
  for (const Moments& m : outputs_) sum += of_output(m);
  return sum / static_cast<double>(outputs_.size());
}

double Pearson::of_output(const Moments& m) const { return correlation(m.product, m.spread_p, m.spread_t); }

double ExplainedVariance::of_output(const Moments& m) const {
  const double error = std::max(0.0, m.spread_p + m.spread_t - 2 * m.product);
  if (m.spread_t > 0) return 1 - error / m.spread_t;
  return error > 0 ? 0 : 1;
}

void Spearman::update(const Tensor& prediction, const Tensor& target) {
  if (!check_equal_shapes(prediction, target, "spearman") || prediction.numel() == 0) return;
  const std::vector<double> p = prediction.to_vector<double>(), t = target.to_vector<double>();
  const size_t width = width_of(prediction, predicted_.size(), "spearman");
  predicted_.resize(width);
  actual_.resize(width);
  for (size_t i = 0; i < p.size(); ++i) {
    predicted_[i % width].push_back(p[i]);
    actual_[i % width].push_back(t[i]);
  }
}

double Spearman::value() const {
  if (predicted_.empty() || predicted_[0].size() < 2) return kNan;
  double sum = 0;
  for (size_t o = 0; o < predicted_.size(); ++o) {
    const std::vector<double> p = ranks(predicted_[o]), t = ranks(actual_[o]);
    const double middle = (static_cast<double>(p.size()) + 1) / 2;
    double product = 0, spread_p = 0, spread_t = 0;
    for (size_t i = 0; i < p.size(); ++i) {
      product += (p[i] - middle) * (t[i] - middle);
      spread_p += (p[i] - middle) * (p[i] - middle);
      spread_t += (t[i] - middle) * (t[i] - middle);
    }
    sum += correlation(product, spread_p, spread_t);
  }
  return sum / static_cast<double>(predicted_.size());
}

}  // namespace dlb::metrics
