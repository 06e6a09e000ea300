#include "dlb/metrics/language.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "dlb/ops/op.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"

namespace dlb::metrics {

Fields MeanNll::fields() {
  static const std::vector<Field> list = class_fields({});
  return list;
}

void MeanNll::accumulate(const Tensor& prediction, const Tensor& target, std::string_view name) {
  if (!check(prediction, target, name)) return;
  const NoGrad no_grad;
  const Tensor log_p = cast(log_softmax(rows(prediction), -1), DType::kFloat32);
  const float* const p = log_p.data<float>();
  const std::vector<int64_t> actual = target.to_vector<int64_t>();
  const int64_t classes = log_p.dim(1);
  for (size_t i = 0; i < actual.size(); ++i) {
    if (actual[i] == ignore_index) continue;
    if (actual[i] < 0 || actual[i] >= classes)
      fail(ErrorKind::kData, "metric {}: target {} is outside the {} classes", name, actual[i], classes);
    sum_ -= static_cast<double>(p[static_cast<int64_t>(i) * classes + actual[i]]);
    ++count_;
  }
}

double MeanNll::mean() const {
  return count_ == 0 ? std::numeric_limits<double>::quiet_NaN() : sum_ / static_cast<double>(count_);
}

double Perplexity::value() const { return std::exp(mean()); }
double BitsPerToken::value() const { return mean() / std::numbers::ln2; }

}  // namespace dlb::metrics
