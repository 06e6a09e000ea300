#include "dlb/metrics/recommendation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "dlb/metrics/form.h"

namespace dlb::metrics {

Fields PlaceMetric::fields() {
  static const std::vector<Field> list =
      class_fields({field<&PlaceMetric::k>("k", "how many of the highest scores count", positive())});
  return list;
}

void PlaceMetric::accumulate(const Tensor& prediction, const Tensor& target, std::string_view name) {
  if (!check(prediction, target, name)) return;
  const std::vector<float> scores = rows(prediction).to_vector<float>();
  const std::vector<int64_t> wanted = target.to_vector<int64_t>();
  const int64_t count = prediction.dim(class_axis(prediction, name));
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == ignore_index) continue;
    if (wanted[i] < 0 || wanted[i] >= count)
      fail(ErrorKind::kData, "metric {}: target {} is outside the {} items", name, wanted[i], count);
    const int64_t place = rank_of(scores.data() + static_cast<int64_t>(i) * count, count, wanted[i]);
    add(place < k ? gain(place) : 0);
  }
}

double PlaceMetric::value() const {
  return count_ == 0 ? std::numeric_limits<double>::quiet_NaN() : sum_ / static_cast<double>(count_);
}

double Ndcg::gain(int64_t place) const { return 1 / std::log2(static_cast<double>(place) + 2); }

void Ndcg::update(const Tensor& prediction, const Tensor& target) {
  const bool graded = prediction.rank() == 2 && prediction.shape() == target.shape();
  if (!graded) return accumulate(prediction, target, "ndcg");
  if (!check_equal_shapes(prediction, target, "ndcg")) return;
  const std::vector<float> scores = prediction.to_vector<float>();
  const std::vector<double> wanted = target.to_vector<double>();
  const auto count = static_cast<size_t>(prediction.dim(1));
  std::vector<size_t> order(count);
  for (size_t row = 0; row < wanted.size(); row += count) {
    const auto discounted = [&](const auto& before) {
      std::iota(order.begin(), order.end(), size_t{0});
      std::stable_sort(order.begin(), order.end(), before);
      double sum = 0;
      for (size_t i = 0; i < std::min(count, static_cast<size_t>(k)); ++i)
        sum += wanted[row + order[i]] * gain(static_cast<int64_t>(i));
      return sum;
    };
    // NaN counts as the largest score: comparisons must order it.
    const double found = discounted([&](size_t a, size_t b) {
      const float x = scores[row + a], y = scores[row + b];
      return std::isnan(x) ? !std::isnan(y) : x > y;
    });
    const double best = discounted([&](size_t a, size_t b) { return wanted[row + a] > wanted[row + b]; });
    add(best > 0 ? found / best : 0);
  }
}

}  // namespace dlb::metrics
