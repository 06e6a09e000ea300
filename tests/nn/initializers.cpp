// Initial values chosen in a config: distributions by their moments and bounds, exact ones element by
// element, and which parameter gets which.
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>

#include "config/config_support.h"
#include "dlb/backend/cpu/install.h"
#include "dlb/nn/initializer.h"
#include "dlb/ops/create.h"
#include "support/golden.h"

using namespace dlb;

namespace {

std::vector<double> values(const std::string& text, Shape shape, DType dtype = DType::kFloat64,
                           uint32_t index = 0) {
  backend::cpu::install();
  const auto it = golden::make(golden::Json::parse(text), nn::initializer_types());
  it->check(shape);
  const Tensor t = it->init()(shape, dtype, {5, RngPurpose::kInit, 0, index});
  CHECK(t.shape() == shape);
  CHECK(t.dtype() == dtype);
  return t.to_vector<double>();
}

struct Moments {
  double mean = 0, deviation = 0, kurtosis = 0, low = 0, high = 0;
};

Moments moments(const std::vector<double>& v) {
  const auto n = static_cast<double>(v.size());
  Moments m;
  m.mean = std::accumulate(v.begin(), v.end(), 0.0) / n;
  double second = 0, fourth = 0;
  for (const double x : v) {
    const double d = (x - m.mean) * (x - m.mean);
    second += d;
    fourth += d * d;
  }
  m.deviation = std::sqrt(second / n);
  m.kurtosis = fourth / n / (second / n * second / n);
  m.low = *std::min_element(v.begin(), v.end());
  m.high = *std::max_element(v.begin(), v.end());
  return m;
}

/// 40000 values: means to 5/200 deviations, deviations to 2 %, kurtosis 3 of a normal, 1.8 of a uniform one.
void check_normal(const std::string& text, Shape shape, double deviation, double mean = 0) {
  INFO(text);
  const Moments m = moments(values(text, std::move(shape)));
  CHECK(std::abs(m.mean - mean) < 0.025 * deviation);
  CHECK(m.deviation == Approx(deviation).epsilon(0.02));
  CHECK(m.kurtosis == Approx(3).epsilon(0.06));
}

void check_uniform(const std::string& text, Shape shape, double low, double high) {
  INFO(text);
  const Moments m = moments(values(text, std::move(shape)));
  CHECK(m.kurtosis == Approx(1.8).epsilon(0.03));
  CHECK(m.low >= low);
  CHECK(m.high <= high);
  CHECK(m.low == Approx(low).margin(0.01 * (high - low)));
  CHECK(m.high == Approx(high).margin(0.01 * (high - low)));
}

std::vector<nn::Variable> variables(const std::vector<std::pair<std::string, Shape>>& list) {
  std::vector<nn::Variable> out;
  for (const auto& [name, shape] : list) {
    nn::Variable v;
    v.name = name;
    v.value = Tensor::empty(shape, DType::kFloat32, kMeta);
    v.buffer = name.ends_with("running_mean");
    v.init = [](const Shape& s, DType dtype, const RngKey&) { return full(s, 7, dtype); };
    out.push_back(v);
  }
  return out;
}

/// Applies the section `init` of a config text and returns the report.
std::string applied(const std::string& text, std::vector<nn::Variable>& list) {
  return test::report_of([&] {
    ErrorList errors;
    const config::Scope scope;
    config::Reader reader(errors, scope);
    const config::Node root = test::parse(text);
    nn::apply_initializers(reader, *root.find("init"), list);
    errors.throw_if_any();
  });
}

double first_value(const nn::Variable& v) {
  return v.init(v.value.shape(), v.value.dtype(), {1, RngPurpose::kInit, 0, 0}).to_vector<double>()[0];
}

}  // namespace

TEST_CASE("random initialisers have the deviations that the papers derive") {
  const Shape matrix = {100, 400};       // fan_in 400, fan_out 100
  const Shape kernel = {100, 16, 5, 5};  // fan_in 400, fan_out 2500
  check_normal(R"({"normal": {}})", matrix, 1);
  check_normal(R"({"normal": 0.02})", matrix, 0.02);
  check_normal(R"({"normal": {"std": 0.5, "mean": 3}})", matrix, 0.5, 3);
  check_uniform(R"({"uniform": {}})", matrix, 0, 1);
  check_uniform(R"({"uniform": {"a": -2, "b": 0.5}})", matrix, -2, 0.5);
  const double glorot = std::sqrt(2.0 / 500);
  check_normal(R"({"xavier_normal": {}})", matrix, glorot);
  check_normal(R"({"xavier_normal": {"gain": 3}})", matrix, 3 * glorot);
  check_uniform(R"({"xavier_uniform": {}})", matrix, -std::sqrt(6.0 / 500), std::sqrt(6.0 / 500));
  check_uniform(R"({"xavier_uniform": 2})", kernel, -2 * std::sqrt(6.0 / 2900), 2 * std::sqrt(6.0 / 2900));
  check_normal(R"({"kaiming_normal": {}})", kernel, std::sqrt(2.0 / 400));
  check_normal(R"({"kaiming_normal": {"mode": "fan_out", "nonlinearity": "relu"}})", kernel,
               std::sqrt(2.0 / 2500));
  check_normal(R"({"kaiming_normal": {"a": 0.5}})", matrix, std::sqrt(2.0 / 1.25 / 400));
  check_normal(R"({"kaiming_normal": {"nonlinearity": "tanh"}})", matrix, 5.0 / 3 / 20);
  check_normal(R"({"kaiming_normal": {"nonlinearity": "selu"}})", matrix, 0.75 / 20);
  check_normal(R"({"kaiming_normal": {"nonlinearity": "linear"}})", matrix, 1.0 / 20);
  const double bound = std::sqrt(6.0 / 400);
  check_uniform(R"({"kaiming_uniform": {"nonlinearity": "relu"}})", matrix, -bound, bound);
  check_uniform(R"({"kaiming_uniform": {"nonlinearity": "sigmoid", "mode": "fan_out"}})", matrix,
                -std::sqrt(3.0 / 100), std::sqrt(3.0 / 100));
}

TEST_CASE("trunc_normal is cut at its bounds") {
  // Between -1 and 1 a standard normal has variance 1 - 2 phi(1) / (Phi(1) - Phi(-1)) = 0.29112.
  const Moments m = moments(values(R"({"trunc_normal": {"a": -1, "b": 1}})", {200, 200}));
  CHECK(m.low >= -1);
  CHECK(m.high <= 1);
  CHECK(m.deviation == Approx(std::sqrt(0.2911251)).epsilon(0.01));
  CHECK(moments(values(R"({"trunc_normal": 0.02})", {200, 200})).deviation == Approx(0.02).epsilon(0.02));
  CHECK_THROWS_WITH(values(R"({"trunc_normal": {"a": 3}})", {4, 4}),
                    Catch::Contains("trunc_normal needs a < b, got a 3 and b 2"));
}

TEST_CASE("orthogonal: rows or columns are orthonormal, whatever the shape") {
  for (const auto& [shape, rows, columns] : {std::tuple<Shape, size_t, size_t>{{7, 7}, 7, 7},
                                             {{4, 9}, 4, 9},
                                             {{9, 4}, 9, 4},
                                             {{6, 2, 3, 3}, 6, 18}}) {
    for (const DType dtype : {DType::kFloat64, DType::kFloat32}) {
      const std::vector<double> w = values(R"({"orthogonal": {"gain": 2}})", shape, dtype);
      const bool by_rows = rows <= columns;
      const size_t count = by_rows ? rows : columns, length = by_rows ? columns : rows;
      const auto at = [&, row = columns](size_t i, size_t j) {
        return by_rows ? w[i * row + j] : w[j * row + i];
      };
      for (size_t a = 0; a < count; ++a) {
        for (size_t b = 0; b < count; ++b) {
          double dot = 0;
          for (size_t j = 0; j < length; ++j) dot += at(a, j) * at(b, j);
          CHECK(dot == Approx(a == b ? 4.0 : 0.0).margin(dtype == DType::kFloat64 ? 1e-12 : 1e-5));
        }
      }
    }
  }
  // Uniform over orthogonal matrices: each corner has mean 0, not the sign that the factorisation prefers.
  double sum = 0;
  for (uint32_t i = 0; i < 200; ++i) sum += values(R"({"orthogonal": {}})", {3, 3}, DType::kFloat64, i)[0];
  CHECK(std::abs(sum / 200) < 0.15);
  CHECK(values(R"({"orthogonal": {}})", {3, 0}).empty());
}

TEST_CASE("sparse sets the same number of zeros in each column") {
  const std::vector<double> w = values(R"({"sparse": {"sparsity": 0.35, "std": 2}})", {100, 300});
  std::vector<double> rest;
  std::vector<int> zeros_of_rows(100, 0);
  for (size_t c = 0; c < 300; ++c) {
    int none = 0;
    for (size_t r = 0; r < 100; ++r) {
      const double v = w[r * 300 + c];
      none += v == 0;
      zeros_of_rows[r] += v == 0;
      if (v != 0) rest.push_back(v);
    }
    CHECK(none == 35);
  }
  CHECK(moments(rest).deviation == Approx(2).epsilon(0.03));
  // Where they are differs from column to column: each row has 105 +- 8.3 of them.
  for (const int n : zeros_of_rows) CHECK(std::abs(n - 105) < 45);
}

TEST_CASE("dirac passes channels on, each group its own") {
  // torch.nn.init.dirac_ of [4, 2, 3] and, with two groups, of [4, 3, 2, 3].
  CHECK(values(R"({"dirac": {}})", {4, 2, 3}) ==
        std::vector<double>{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  const std::vector<double> w = values(R"({"dirac": 2})", {4, 3, 2, 3});
  std::vector<size_t> ones;
  for (size_t i = 0; i < w.size(); ++i) {
    if (w[i] == 1) ones.push_back(i);
  }
  // The middle of [2, 3] is (1, 1), element 4; outputs 0 and 2 read channel 0, outputs 1 and 3 channel 1.
  CHECK(ones == std::vector<size_t>{4, 18 + 6 + 4, 36 + 4, 54 + 6 + 4});
  CHECK(std::accumulate(w.begin(), w.end(), 0.0) == 4);
  CHECK_THROWS_WITH(values(R"({"dirac": 3})", {4, 3, 3}), Catch::Contains("does not divide the 4 channels"));
}

TEST_CASE("exact ones") {
  CHECK(values(R"({"zeros": {}})", {2, 2}) == std::vector<double>(4, 0.0));
  CHECK(values(R"({"ones": {}})", {3}) == std::vector<double>(3, 1.0));
  CHECK(values(R"({"constant": -1.5})", {2}) == std::vector<double>(2, -1.5));
  CHECK(values(R"({"eye": {}})", {2, 3}) == std::vector<double>{1, 0, 0, 0, 1, 0});
}

TEST_CASE("the first match wins, buffers and the rest keep what they have") {
  backend::cpu::install();
  auto list = variables({{"conv.weight", {4, 2, 3, 3}},
                         {"conv.bias", {4}},
                         {"bn.running_mean", {4}},
                         {"head.weight", {3, 4}},
                         {"head.bias", {3}}});
  CHECK(applied("init:\n  - {match: head.*, constant: 2}\n  - {match: '*.bias', ones: {}}\n  - {match: "
                "'*mean*', zeros: {}}",
                list) != "no error");
  CHECK(applied("init:\n  - {match: head.*, constant: 2}\n  - match: ['*.bias', 'h*.weight']\n    ones:\n",
                list) == "no error");
  CHECK(first_value(list[0]) == 7);
  CHECK(first_value(list[1]) == 1);
  CHECK(first_value(list[2]) == 7);
  CHECK(first_value(list[3]) == 2);
  CHECK(first_value(list[4]) == 2);
  CHECK(applied("init:\n", list) == "no error");
}

TEST_CASE("wrong entries are errors at their place, all together") {
  auto list = variables({{"a.weight", {4, 2}}, {"a.bias", {4}}});
  CHECK(applied("init: {match: '*', zeros}", list).find("c.yaml:1:") == 0);
  const std::string report = applied(R"(init:
  - {match: b.*, zeros: {}}
  - {match: "*", orthogonal: {}}
  - {match: "*", normal: {std: -1}}
  - {match: "*", nomral: 1}
  - normal: 0.1
  - ones
  - {match: [], ones: {}}
  - {match: "a.*", ones: {}, zeros: {}}
)",
                                     list);
  INFO(report);
  for (const char* part :
       {"c.yaml:2:5: error: no parameter is named 'b.*'", "hint: the first parameter is 'a.weight'",
        "c.yaml:3:5: error: orthogonal needs a parameter of 2 dimensions or more, got [4] ('a.bias')",
        "c.yaml:4:32: error: ", "unknown initializer 'nomral'; did you mean 'normal'?",
        "c.yaml:6:5: error: missing required key 'match' in init",
        "c.yaml:7:5: error: an entry of init is a map", "c.yaml:8:"}) {
    CHECK_THAT(report, Catch::Contains(part));
  }
}
