// Distributions against their laws: Kolmogorov-Smirnov and chi-square statistics of fixed streams, with
// critical values that a right generator exceeds once in a million.
#include "dlb/ops/random.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <numeric>
#include <set>

#include "dlb/base/threads.h"
#include "dlb/ops/create.h"
#include "dlb/ops/reduce.h"
#include "samples.h"

namespace dlb::testing {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr int64_t kCount = 20000;

RngKey key_of(uint64_t step) { return {.seed = 77, .purpose = RngPurpose::kUser, .step = step, .index = 1}; }

/// sqrt(n) times the largest distance between the samples' and the law's distribution functions; 2.7 in one
/// case of a million.
double ks_statistic(std::vector<double> x, const std::function<double(double)>& cdf) {
  std::sort(x.begin(), x.end());
  const double n = static_cast<double>(x.size());
  double worst = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double p = cdf(x[i]);
    worst = std::max({worst, p - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - p});
  }
  return worst * std::sqrt(n);
}

/// What chi-square with `degrees` exceeds in one case of a million (Wilson and Hilferty's approximation).
double critical(double degrees) {
  const double v = 2 / (9 * degrees);
  return degrees * std::pow(1 - v + 4.76 * std::sqrt(v), 3);
}

/// Chi-square of whole numbers against probabilities of 0, 1, ..., neighbours joined until 10 are expected;
/// below 1 when the fit is good.
double chi_square(const std::vector<double>& x, const std::vector<double>& p) {
  std::vector<double> found(p.size(), 0.0);
  for (const double v : x) {
    if (!(v >= 0 && v < static_cast<double>(p.size()) && v == std::floor(v))) return kInf;
    found[static_cast<size_t>(v)] += 1;
  }
  double sum = 0, degrees = -1, f = 0, e = 0;
  double rest = static_cast<double>(x.size());
  for (size_t i = 0; i < p.size(); ++i) {
    const double here = p[i] * static_cast<double>(x.size());
    if (here == 0 && found[i] > 0) return kInf;
    f += found[i];
    e += here;
    rest -= here;
    if (e < 10 || (rest < 10 && i + 1 < p.size())) continue;
    sum += (f - e) * (f - e) / e;
    degrees += 1;
    f = e = 0;
  }
  return sum / critical(degrees);
}

double normal_cdf(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }
double normal_density(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi); }
/// The regularised incomplete gamma function by its series.
double gamma_cdf(double a, double x) {
  double term = std::exp(a * std::log(x) - x - std::lgamma(a + 1));
  double sum = 0;
  for (double n = 1; n < 2000; ++n) {
    sum += term;
    term *= x / (a + n);
  }
  return sum;
}
/// Of whole a and b: the chance of a or more successes in a + b - 1 trials.
double beta_cdf(int a, int b, double x) {
  double sum = 0;
  const int n = a + b - 1;
  for (int k = a; k <= n; ++k) {
    sum += std::exp(std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0)) * std::pow(x, k) *
           std::pow(1 - x, n - k);
  }
  return sum;
}

struct Law {
  std::string name;
  std::function<Tensor(const RngKey&)> draw;
  std::function<double(double)> cdf;
  double mean, variance;  ///< not a number where there is none
};

Tensor all(double value) { return full({kCount}, value, DType::kFloat64); }

/// A normal law cut to [a, b]: Johnson, Kotz and Balakrishnan, "Continuous univariate distributions", 1994.
Law truncated(double mean, double std, double low, double high) {
  const double a = (low - mean) / std, b = (high - mean) / std;
  // From the side where the differences are exact.
  const bool upper = a > 0;
  const double z = upper ? normal_cdf(-a) - normal_cdf(-b) : normal_cdf(b) - normal_cdf(a);
  const double shift = (normal_density(a) - normal_density(b)) / z;
  const double edge =
      (std::isinf(a) ? 0 : a * normal_density(a)) - (std::isinf(b) ? 0 : b * normal_density(b));
  return {"truncated_normal",
          [=](const RngKey& key) {
            return truncated_normal({kCount}, mean, std, low, high, key, DType::kFloat64);
          },
          [=](double x) {
            const double u = (x - mean) / std;
            return upper ? (normal_cdf(-a) - normal_cdf(-u)) / z : (normal_cdf(u) - normal_cdf(a)) / z;
          },
          mean + std * shift, std * std * (1 + edge / z - shift * shift)};
}

std::vector<Law> laws() {
  const Shape n{kCount};
  const DType wide = DType::kFloat64;
  const double none = std::nan("");
  std::vector<Law> list = {
      {"uniform", [=](const RngKey& k) { return uniform(n, -1, 3, k, wide); },
       [](double x) { return (x + 1) / 4; }, 1, 16.0 / 12},
      {"normal", [=](const RngKey& k) { return normal(n, -1, 3, k, wide); },
       [](double x) { return normal_cdf((x + 1) / 3); }, -1, 9},
      {"normal float32", [=](const RngKey& k) { return normal(n, 0, 1, k); }, normal_cdf, 0, 1},
      {"normal of tensors", [=](const RngKey& k) { return normal(all(2), all(0.5), k); },
       [](double x) { return normal_cdf((x - 2) / 0.5); }, 2, 0.25},
      {"exponential", [=](const RngKey& k) { return exponential(n, 2, k, wide); },
       [](double x) { return -std::expm1(-2 * x); }, 0.5, 0.25},
      {"log_normal", [=](const RngKey& k) { return log_normal(n, 0.3, 0.4, k, wide); },
       [](double x) { return normal_cdf((std::log(x) - 0.3) / 0.4); }, std::exp(0.38),
       std::expm1(0.16) * std::exp(0.76)},
      {"cauchy", [=](const RngKey& k) { return cauchy(n, 2, 0.5, k, wide); },
       [](double x) { return 0.5 + std::atan((x - 2) / 0.5) / std::numbers::pi; }, none, none},
      {"gamma with a rate", [=](const RngKey& k) { return gamma(all(2.5), all(4), k); },
       [](double x) { return gamma_cdf(2.5, 4 * x); }, 2.5 / 4, 2.5 / 16},
      {"beta", [=](const RngKey& k) { return beta(all(2), all(5), k); },
       [](double x) { return beta_cdf(2, 5, x); }, 2.0 / 7, 10.0 / 49 / 8},
      {"beta at both ends", [=](const RngKey& k) { return beta(all(0.5), all(0.5), k); },
       [](double x) { return 2 / std::numbers::pi * std::asin(std::sqrt(x)); }, 0.5, 0.125},
      truncated(0, 1, -2, 2),
      truncated(1, 2, 0.5, 2),
      truncated(0, 1, 3, kInf),
      truncated(0, 1, -kInf, -4),
      truncated(-1, 0.5, 1, 1.05),
      truncated(0, 1, -kInf, kInf)};
  for (const double shape : {0.05, 0.5, 1.0, 3.3, 60.0}) {
    list.push_back({fmt::format("gamma {}", shape),
                    [=](const RngKey& k) { return standard_gamma(all(shape), k); },
                    [=](double x) { return gamma_cdf(shape, x); }, shape, shape});
  }
  return list;
}

TEST_CASE("continuous distributions follow their laws, by key alone, with any number of threads") {
  const int before = threads();
  for (const Law& law : laws()) {
    INFO(law.name);
    set_threads(2);
    const std::vector<double> x = law.draw(key_of(1)).to_vector<double>();
    CHECK(ks_statistic(x, law.cdf) < 2.7);
    const double n = static_cast<double>(x.size());
    const double mean = std::accumulate(x.begin(), x.end(), 0.0) / n;
    double variance = 0;
    for (const double v : x) variance += (v - mean) * (v - mean) / (n - 1);
    if (!std::isnan(law.mean)) {
      CHECK(std::abs(mean - law.mean) < 5 * std::sqrt(law.variance / n));
      CHECK(variance == Approx(law.variance).epsilon(0.2));
    }
    CHECK(x != law.draw(key_of(2)).to_vector<double>());
    RngKey other = key_of(1);
    other.seed += 1;
    CHECK(x != law.draw(other).to_vector<double>());
    set_threads(1);
    CHECK(x == law.draw(key_of(1)).to_vector<double>());
  }
  set_threads(before);
}

TEST_CASE("distributions stay inside their limits") {
  for (const double x : truncated_normal({kCount}, 5, 2, 4.5, 5.5, key_of(3)).to_vector<double>())
    if (!(x >= 4.5 && x <= 5.5)) FAIL_CHECK(x);
  for (const double limit : {1e160, 1e200}) {
    CHECK(truncated_normal({1}, 0, 1, limit, kInf, key_of(3), DType::kFloat64).item() == limit);
    CHECK(truncated_normal({1}, 0, 1, -kInf, -limit, key_of(3), DType::kFloat64).item() == -limit);
  }
  for (const DType dtype : {DType::kFloat32, DType::kFloat64, DType::kBFloat16}) {
    for (const double x : standard_gamma(full({2000}, 1e-3, dtype), key_of(4)).to_vector<double>())
      if (!(x > 0)) FAIL_CHECK("gamma " << x);
    for (const double x : dirichlet(full({500, 4}, 1e-3, dtype), key_of(4)).to_vector<double>())
      if (!(x >= 0 && x <= 1)) FAIL_CHECK("dirichlet " << x);
  }
}

TEST_CASE("dirichlet's parts sum to 1 and are beta distributed") {
  std::vector<double> rows;
  for (int64_t i = 0; i < kCount; ++i) rows.insert(rows.end(), {1, 2, 3});
  const std::vector<double> x = dirichlet(Tensor::from(rows, {kCount, 3}), key_of(5)).to_vector<double>();
  std::vector<double> part[3];
  for (size_t i = 0; i < x.size(); i += 3) {
    if (std::abs(x[i] + x[i + 1] + x[i + 2] - 1) > 1e-14) FAIL_CHECK("row " << i / 3);
    for (size_t k = 0; k < 3; ++k) part[k].push_back(x[i + k]);
  }
  for (const int k : {1, 2, 3}) {
    CHECK(ks_statistic(part[k - 1], [&](double v) { return beta_cdf(k, 6 - k, v); }) < 2.7);
  }
}

/// Probabilities of 0 to `count` - 1 from their logarithms.
std::vector<double> table(int count, const std::function<double(double)>& log_p) {
  std::vector<double> p;
  for (int k = 0; k < count; ++k) p.push_back(std::exp(log_p(k)));
  return p;
}

TEST_CASE("bernoulli, poisson, binomial and geometric follow their laws") {
  for (const double p : {0.0, 0.03, 0.5, 1.0}) {
    CHECK((p == 0 || p == 1 ||
           chi_square(bernoulli({kCount}, p, key_of(6)).to_vector<double>(), {1 - p, p}) < 1));
    CHECK((p == 0 || p == 1 || chi_square(bernoulli(all(p), key_of(6)).to_vector<double>(), {1 - p, p}) < 1));
    if (p == 0 || p == 1) CHECK(sum(bernoulli(all(p), key_of(6))).item() == p * kCount);
  }
  for (const double rate : {0.2, 4.0, 9.9, 10.0, 35.0, 500.0}) {
    INFO("rate " << rate);
    const auto log_p = [=](double k) { return k * std::log(rate) - rate - std::lgamma(k + 1); };
    CHECK(chi_square(poisson(all(rate), key_of(7)).to_vector<double>(), table(1000, log_p)) < 1);
  }
  CHECK(sum(poisson(all(0), key_of(7))).item() == 0);
  // Of large rates nearly normal.
  const std::vector<double> many = poisson(all(1e8), key_of(8)).to_vector<double>();
  CHECK(ks_statistic(many, [](double x) { return normal_cdf((x + 0.5 - 1e8) / 1e4); }) < 2.7);

  const double cases[][2] = {{7, 0.3}, {100, 0.4}, {100, 0.9}, {1000, 0.002}, {40, 0.5}, {5, 0.97}};
  for (const auto& [n, p] : cases) {
    INFO("count " << n << " p " << p);
    const auto log_p = [n = n, p = p](double k) {
      return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) + k * std::log(p) +
             (n - k) * std::log1p(-p);
    };
    CHECK(chi_square(binomial(all(n), all(p), key_of(9)).to_vector<double>(),
                     table(static_cast<int>(n) + 1, log_p)) < 1);
  }
  CHECK(sum(binomial(all(9), all(1), key_of(9))).item() == 9 * kCount);
  CHECK(sum(binomial(all(9), all(0), key_of(9))).item() == 0);
  for (const double p : {0.05, 0.5, 0.9}) {
    std::vector<double> law = table(800, [=](double k) { return std::log(p) + (k - 1) * std::log1p(-p); });
    law[0] = 0;
    CHECK(chi_square(geometric({kCount}, p, key_of(10), DType::kInt64).to_vector<double>(), law) < 1);
  }
  CHECK(sum(geometric({kCount}, 1, key_of(10))).item() == kCount);
}

TEST_CASE("randint gives all values alike, also in ranges that 64 bits do not divide evenly") {
  CHECK(chi_square(randint(0, 7, {kCount}, key_of(11)).to_vector<double>(), std::vector<double>(7, 1.0 / 7)) <
        1);
  const std::vector<double> low = randint(-3, -1, {kCount}, key_of(11), DType::kFloat32).to_vector<double>();
  CHECK(std::count(low.begin(), low.end(), -3.0) + std::count(low.begin(), low.end(), -2.0) == kCount);
  const int64_t third = int64_t{1} << 61;
  CHECK(ks_statistic(randint(-third, 2 * third, {kCount}, key_of(12)).to_vector<double>(),
                     [&](double x) { return (x / static_cast<double>(third) + 1) / 3; }) < 2.7);
  const int64_t smallest = std::numeric_limits<int64_t>::min();
  const int64_t largest = std::numeric_limits<int64_t>::max();
  CHECK(ks_statistic(randint(smallest, largest, {kCount}, key_of(13)).to_vector<double>(),
                     [&](double x) { return x * 0x1p-64 + 0.5; }) < 2.7);
  CHECK(randint(largest - 1, largest, {1}, key_of(13)).to_vector<int64_t>()[0] == largest - 1);
}

TEST_CASE("permutations have each element once, anywhere alike") {
  std::vector<double> places[6];
  std::vector<double> orders;
  for (uint64_t i = 0; i < 6000; ++i) {
    const std::vector<int64_t> order = randperm(6, key_of(100 + i)).to_vector<int64_t>();
    CHECK(std::set<int64_t>(order.begin(), order.end()) == std::set<int64_t>{0, 1, 2, 3, 4, 5});
    for (size_t k = 0; k < 6; ++k) places[order[k]].push_back(static_cast<double>(k));
    orders.push_back(static_cast<double>(6 * order[0] + order[1]));
  }
  for (const auto& place : places) CHECK(chi_square(place, std::vector<double>(6, 1.0 / 6)) < 1);
  std::vector<double> pairs(36, 1.0 / 30);
  for (size_t k = 0; k < 6; ++k) pairs[7 * k] = 0;
  CHECK(chi_square(orders, pairs) < 1);
  CHECK(randperm(0, key_of(1)).shape() == Shape{0});
}

/// Weights on many rows.
Tensor rows_of(const std::vector<double>& w) {
  std::vector<double> all_rows;
  for (int64_t i = 0; i < kCount; ++i) all_rows.insert(all_rows.end(), w.begin(), w.end());
  return Tensor::from(all_rows, {kCount, static_cast<int64_t>(w.size())});
}

TEST_CASE("multinomial draws by weight, and without replacement each class once") {
  const int before = threads();
  const std::vector<double> w = {0, 3, 1, 0, 6, 2, 0};
  std::vector<double> p;
  for (const double x : w) p.push_back(x / 12);
  const std::vector<double> again =
      multinomial(Tensor::from(w, {7}), kCount, true, key_of(20)).to_vector<double>();
  CHECK(chi_square(again, p) < 1);
  for (const double scale : {1e-300, 2.5e307}) {
    std::vector<double> scaled;
    for (const double x : w) scaled.push_back(x * scale);
    CHECK(chi_square(multinomial(Tensor::from(scaled, {7}), kCount, true, key_of(20)).to_vector<double>(),
                     p) < 1);
  }
  std::vector<double> second(7, 0.0);
  for (size_t i = 0; i < 7; ++i) {
    for (size_t j = 0; j < 7; ++j) second[j] += i == j ? 0 : p[i] * p[j] / (1 - p[i]);
  }
  set_threads(2);
  const Tensor drawn = multinomial(rows_of(w), 4, false, key_of(21));
  const std::vector<int64_t> x = drawn.to_vector<int64_t>();
  std::vector<double> column[2];
  for (size_t i = 0; i < x.size(); i += 4) {
    std::vector<int64_t> row(x.begin() + static_cast<int64_t>(i), x.begin() + static_cast<int64_t>(i) + 4);
    for (size_t k = 0; k < 2; ++k) column[k].push_back(static_cast<double>(row[k]));
    std::sort(row.begin(), row.end());
    if (row != std::vector<int64_t>{1, 2, 4, 5}) FAIL_CHECK("row " << i / 4);
  }
  CHECK(chi_square(column[0], p) < 1);
  CHECK(chi_square(column[1], second) < 1);
  set_threads(1);
  CHECK(x == multinomial(rows_of(w), 4, false, key_of(21)).to_vector<int64_t>());
  set_threads(before);
}

}  // namespace
}  // namespace dlb::testing
