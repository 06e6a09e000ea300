#include "dlb/graph/class_scores.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace dlb::graph {

namespace {

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

/// The number below which a normal variable lies with probability p.
double probit(double p) {
  if (!(p > 0 && p < 1)) return p <= 0 ? -INFINITY : INFINITY;
  // Winitzki's approximation of the inverse error function, made exact by Newton's method.
  const double y = 2 * p - 1, a = 0.147, l = std::log((1 - y) * (1 + y));
  const double t = 2 / (std::numbers::pi * a) + l / 2;
  double x = std::copysign(std::sqrt(std::sqrt(t * t - l / a) - t), y);
  for (int i = 0; i < 3; ++i) x -= (std::erf(x) - y) / (2 * std::numbers::inv_sqrtpi * std::exp(-x * x));
  return std::numbers::sqrt2 * x;
}

}  // namespace

PostTransform post_transform(const Call& c) {
  const std::string name = c.attribute("post_transform", "NONE");
  if (name == "NONE") return PostTransform::kNone;
  if (name == "SOFTMAX") return PostTransform::kSoftmax;
  if (name == "LOGISTIC") return PostTransform::kLogistic;
  if (name == "SOFTMAX_ZERO") return PostTransform::kSoftmaxZero;
  if (name == "PROBIT") return PostTransform::kProbit;
  c.fail("post_transform '{}' is unknown", name);
}

void transform(PostTransform t, double* scores, size_t count) {
  if (t == PostTransform::kNone || count == 0) return;
  if (t == PostTransform::kLogistic || t == PostTransform::kProbit) {
    for (size_t i = 0; i < count; ++i)
      scores[i] = t == PostTransform::kLogistic ? logistic(scores[i]) : probit(scores[i]);
    return;
  }
  const double most = *std::max_element(scores, scores + count);
  double sum = 0;
  for (size_t i = 0; i < count; ++i) {
    if (t == PostTransform::kSoftmaxZero && std::abs(scores[i]) <= 1e-7) {
      scores[i] = 0;
      continue;
    }
    scores[i] = std::exp(scores[i] - most);
    sum += scores[i];
  }
  if (sum == 0) return;
  for (size_t i = 0; i < count; ++i) scores[i] /= sum;
}

Labels::Labels(const Call& c, std::string_view ints)
    : texts_(c.strings("classlabels_strings")), numbers_(c.integers(ints)) {
  if (texts_.empty() == numbers_.empty()) c.fail("expected one of classlabels_strings and {}", ints);
}

Value Labels::at(const std::vector<size_t>& chosen) const {
  const int64_t count = static_cast<int64_t>(chosen.size());
  if (texts_.empty()) {
    std::vector<int64_t> out;
    for (const size_t i : chosen) out.push_back(numbers_.at(i));
    return Value(Tensor::from(out, {count}));
  }
  Texts out{{count}, {}};
  for (const size_t i : chosen) out.items.push_back(texts_.at(i));
  return Value(std::move(out));
}

Samples samples_of(const Call& c, size_t i) {
  c.need_data(i);
  const Tensor& x = c.tensor(i);
  if (x.rank() != 1 && x.rank() != 2) c.fail("input {} is {}, expected [N, F]", i, describe(c.value(i)));
  return {x.rank() == 2 ? x.dim(0) : 1, x.dim(-1), x.to_vector<double>()};
}

Value scores_value(const std::vector<double>& scores, int64_t width) {
  const std::vector<float> narrow(scores.begin(), scores.end());
  const int64_t rows = width == 0 ? 0 : static_cast<int64_t>(narrow.size()) / width;
  return Value(Tensor::from(narrow, {rows, width}));
}

size_t largest(const double* scores, size_t count) {
  return static_cast<size_t>(std::max_element(scores, scores + count) - scores);
}

}  // namespace dlb::graph
