// Kinds of dropout beside softmax_test's, and what random operators refuse.
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <limits>

#include "dlb/autograd/autograd.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/dropout.h"
#include "dlb/ops/random.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb::testing {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNaN = std::nan("");
const RngKey kKey{.seed = 3, .purpose = RngPurpose::kDropout, .step = 9, .index = 0};

TEST_CASE("feature_dropout drops whole channels of each sample, in the right share") {
  const double p = 0.3;
  Tensor x = values({300, 40, 2, 3}, 1, 2, 400).set_requires_grad(true);
  const Tensor y = feature_dropout(x, p, kKey);
  const std::vector<double> in = x.to_vector<double>();
  const std::vector<double> out = y.to_vector<double>();
  const std::vector<double> slope = grad({y}, {x}, {ones_like(y)})[0].to_vector<double>();
  double kept = 0;
  for (size_t c = 0; c < out.size(); c += 6) {
    const double factor = out[c] == 0 ? 0 : 1 / (1 - p);
    kept += factor > 0 ? 1 : 0;
    for (size_t i = c; i < c + 6; ++i) {
      if (std::abs(out[i] - in[i] * factor) > 1e-12 || std::abs(slope[i] - factor) > 1e-12) FAIL_CHECK(i);
    }
  }
  CHECK(std::abs(kept / 12000 - 0.7) < 5 * std::sqrt(0.21 / 12000));
  CHECK(out == feature_dropout(x, p, kKey).to_vector<double>());
  RngKey other = kKey;
  other.step += 1;
  CHECK(out != feature_dropout(x, p, other).to_vector<double>());
}

TEST_CASE("alpha_dropout keeps mean 0 and variance 1, element by element or channel by channel") {
  for (const bool features : {false, true}) {
    for (const double p : {0.1, 0.5}) {
      INFO("features " << features << " p " << p);
      const Tensor x = normal({500, 100, 2}, 0, 1, {.seed = 8}, DType::kFloat64);
      const auto drop = features ? &feature_alpha_dropout : &alpha_dropout;
      const Tensor y = drop(x, p, kKey);
      const double n = 100000;
      const double mean = sum(y).item() / n;
      CHECK(std::abs(mean) < (features ? 0.04 : 0.02));
      CHECK(sum(square(y)).item() / n - mean * mean == Approx(1).margin(0.03));
      // Dropped elements are a (alpha' p - alpha'), the others a (x + alpha' p), alpha' selu's limit.
      const double limit = 1.0507009873554805 * 1.6732632423543772;
      const double a = 1 / std::sqrt((1 + p * limit * limit) * (1 - p));
      const std::vector<double> in = x.to_vector<double>();
      const std::vector<double> out = y.to_vector<double>();
      double dropped = 0;
      bool pairs = true;
      std::vector<bool> gone;
      for (size_t i = 0; i < out.size(); ++i) {
        gone.push_back(std::abs(out[i] - a * (limit * p - limit)) < 1e-12);
        dropped += gone[i] ? 1 : 0;
        if (!gone[i] && std::abs(out[i] - a * (in[i] + limit * p)) > 1e-12) FAIL_CHECK(i);
        if (i % 2 == 1) pairs = pairs && gone[i] == gone[i - 1];
      }
      CHECK(pairs == features);
      CHECK(std::abs(dropped / n - p) < 5 * std::sqrt(p * (1 - p) / n * (features ? 2 : 1)));
    }
  }
  const Tensor x = values({4, 5});
  for (const auto& drop : {&feature_dropout, &alpha_dropout, &feature_alpha_dropout}) {
    CHECK(drop(x, 0, kKey).to_vector<double>() == x.to_vector<double>());
    for (const double v : drop(x, 1, kKey).to_vector<double>()) CHECK(v == 0);
  }
}

TEST_CASE("random operators refuse bad parameters by name") {
  const auto number = [](double x) { return full({3}, x, DType::kFloat64); };
  const auto fails = [](const char* text, ErrorKind kind, const std::function<void()>& f) {
    INFO(text);
    try {
      f();
    } catch (const Error& e) {
      CHECK(e.kind == kind);
      CHECK_THAT(e.message, Catch::StartsWith(text));
      return;
    }
    FAIL_CHECK("no error");
  };
  const auto config = [&](const char* text, const std::function<void()>& f) {
    fails(text, ErrorKind::kConfig, f);
  };
  const auto data = [&](const char* text, const std::function<void()>& f) {
    fails(text, ErrorKind::kData, f);
  };
  const Shape s{3};
  for (const double p : {-0.1, 1.1, kNaN}) {
    config("bernoulli", [&] { bernoulli(s, p, kKey); });
    data("bernoulli", [&] { bernoulli(number(p), kKey); });
    data("binomial", [&] { binomial(number(3), number(p), kKey); });
    config("geometric", [&] { geometric(s, p, kKey); });
    config("feature_dropout", [&] { feature_dropout(values({2, 3}), p, kKey); });
    config("alpha_dropout", [&] { alpha_dropout(values({2, 3}), p, kKey); });
    config("feature_alpha_dropout", [&] { feature_alpha_dropout(values({2, 3}), p, kKey); });
  }
  for (const double x : {-1.0, kNaN}) {
    config("normal", [&] { normal(s, 0, x, kKey); });
    data("normal", [&] { normal(number(0), number(x), kKey); });
    config("log_normal", [&] { log_normal(s, 0, x, kKey); });
    data("poisson", [&] { poisson(number(x), kKey); });
  }
  for (const double x : {-1.0, 0.0, kNaN}) {
    config("exponential", [&] { exponential(s, x, kKey); });
    config("cauchy", [&] { cauchy(s, 0, x, kKey); });
    config("truncated_normal", [&] { truncated_normal(s, 0, x, -1, 1, kKey); });
  }
  for (const double x : {-1.0, 0.0, kNaN, kInf}) {
    data("standard_gamma", [&] { standard_gamma(number(x), kKey); });
    data("gamma", [&] { gamma(number(x), number(1), kKey); });
    data("gamma", [&] { gamma(number(1), number(x), kKey); });
    data("beta", [&] { beta(number(x), number(1), kKey); });
    data("beta", [&] { beta(number(1), number(x), kKey); });
    data("dirichlet", [&] { dirichlet(number(x), kKey); });
  }
  for (const double x : {-1.0, kNaN, kInf}) {
    data("binomial", [&] { binomial(number(x), number(0.5), kKey); });
    data("multinomial", [&] { multinomial(number(x), 1, true, kKey); });
  }
  for (const double x : {kNaN, kInf})
    config("truncated_normal", [&] { truncated_normal(s, x, 1, -1, 1, kKey); });
  for (const double x : {1.0, 2.0, kNaN})
    config("truncated_normal", [&] { truncated_normal(s, 0, 1, x, 1, kKey); });
  for (const double x : {2.0, kNaN}) config("uniform", [&] { uniform(s, x, 1, kKey); });
  config("randint", [&] { randint(3, 3, s, kKey); });
  config("randint", [&] { randint(3, 2, s, kKey); });
  config("randint", [&] { randint(-1, 2, s, kKey, DType::kUInt8); });
  config("randint", [&] { randint(0, 257, s, kKey, DType::kUInt8); });
  config("randint", [&] { randint(0, int64_t{1} << 32, s, kKey, DType::kInt32); });
  config("randperm", [&] { randperm(257, kKey, DType::kUInt8); });
  config("randperm", [&] { randperm(3000, kKey, DType::kFloat16); });
  fails("randperm", ErrorKind::kShape, [&] { randperm(-1, kKey); });
  data("multinomial", [&] { multinomial(number(0), 1, true, kKey); });
  data("multinomial", [&] { multinomial(Tensor::from(std::vector<double>{0, 1, 0}, {3}), 2, false, kKey); });
  fails("multinomial", ErrorKind::kShape, [&] { multinomial(number(1), 4, false, kKey); });
  config("multinomial", [&] { multinomial(number(1), -1, true, kKey); });
  fails("multinomial", ErrorKind::kDtype, [&] { multinomial(ones({3}, DType::kInt64), 1, true, kKey); });
  fails("bernoulli", ErrorKind::kDtype, [&] { bernoulli(ones({3}, DType::kInt64), kKey); });
  fails("exponential", ErrorKind::kDtype, [&] { exponential(s, 1, kKey, DType::kInt64); });
  fails("feature_dropout", ErrorKind::kShape, [&] { feature_dropout(values({3}), 0.5, kKey); });
}

}  // namespace
}  // namespace dlb::testing
