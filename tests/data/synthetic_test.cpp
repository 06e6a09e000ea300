#include "dlb/data/synthetic.h"

#include <cmath>

#include "data/data_support.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

struct Drawn {
  std::vector<std::vector<float>> inputs;
  std::vector<int64_t> labels;
};

Drawn draw(const std::string& fields, const std::string& split = "train") {
  auto module = plan("source: {synthetic: {" + fields + "}}\nbatch: 16\n");
  module->open();
  auto loader = module->loader(split, false, 0);
  loader->start(0);
  Drawn out;
  while (const auto batch = loader->next()) {
    const auto values = batch->input().to_vector<float>();
    const size_t width = values.size() / static_cast<size_t>(batch->size);
    for (auto it = values.begin(); it != values.end(); it += static_cast<std::ptrdiff_t>(width)) {
      out.inputs.emplace_back(it, it + static_cast<std::ptrdiff_t>(width));
    }
    if (batch->target().dtype() == DType::kInt64) {
      for (const int64_t label : batch->target().to_vector<int64_t>()) out.labels.push_back(label);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("synthetic samples repeat, and differ by seed and split") {
  const std::string fields = "samples: 40, test_samples: 40, shape: [3, 6, 5], classes: 4";
  const Drawn a = draw(fields);
  CHECK(a.inputs.size() == 40);
  CHECK(a.inputs.front().size() == 90);
  CHECK(draw(fields).inputs == a.inputs);
  CHECK(draw(fields).labels == a.labels);
  CHECK(draw(fields + ", seed: 1").inputs != a.inputs);
  CHECK(draw(fields, "test").inputs != a.inputs);
}

TEST_CASE("the nearest class mean of training samples classifies the test samples") {
  for (const char* shape : {"[1, 12, 12]", "[40]"}) {
    const std::string fields =
        std::string("samples: 200, test_samples: 100, classes: 5, noise: 1.0, shape: ") + shape;
    const Drawn train = draw(fields), test = draw(fields, "test");
    const size_t width = train.inputs.front().size();
    std::vector<std::vector<double>> means(5, std::vector<double>(width));
    std::vector<double> counts(5);
    for (size_t i = 0; i < train.inputs.size(); ++i) {
      const size_t label = static_cast<size_t>(train.labels[i]);
      ++counts[label];
      for (size_t j = 0; j < width; ++j) means[label][j] += static_cast<double>(train.inputs[i][j]);
    }
    int right = 0;
    for (size_t i = 0; i < test.inputs.size(); ++i) {
      size_t best = 0;
      double best_distance = 1e300;
      for (size_t k = 0; k < 5; ++k) {
        REQUIRE(counts[k] > 0);
        double distance = 0;
        for (size_t j = 0; j < width; ++j) {
          const double d = static_cast<double>(test.inputs[i][j]) - means[k][j] / counts[k];
          distance += d * d;
        }
        if (distance < best_distance) {
          best_distance = distance;
          best = k;
        }
      }
      right += static_cast<int64_t>(best) == test.labels[i] ? 1 : 0;
    }
    CHECK(right >= 95);
  }
}

TEST_CASE("synthetic bytes and regression targets") {
  auto bytes = plan("source: {synthetic: {dtype: uint8}}\n");
  CHECK(bytes->spec().input().spec.dtype == DType::kUInt8);
  double sum = 0;
  for (const auto& x : draw("samples: 64, dtype: uint8").inputs) {
    for (const float v : x) sum += static_cast<double>(v);
  }
  CHECK(std::abs(sum / (64 * 784) - 128) < 10);

  auto module = plan(
      "source: {synthetic: {task: regression, shape: [6], outputs: 2, noise: 0, samples: 500}}\nbatch: "
      "500\n");
  CHECK(module->spec().classes == 0);
  CHECK(module->spec().target().spec.shape == Shape{2});
  module->open();
  auto loader = module->loader("train", false, 0);
  loader->start(0);
  const auto batch = loader->next();
  const auto y = batch->target().to_vector<double>();
  double variance = 0;
  for (const double v : y) variance += v * v / static_cast<double>(y.size());
  CHECK(variance > 0.1);
  CHECK(variance < 10);
  // Without noise the target is linear: samples 0..5 determine it, sample by sample of the rest it must be
  // met.
  const auto x = batch->input().to_vector<double>();
  std::vector<std::vector<double>> m;  // [x | y], Gauss-Jordan
  for (size_t i = 0; i < 6; ++i) {
    m.emplace_back(x.begin() + static_cast<std::ptrdiff_t>(6 * i),
                   x.begin() + static_cast<std::ptrdiff_t>(6 * i + 6));
    m.back().push_back(y[2 * i]);
  }
  for (size_t p = 0; p < 6; ++p) {
    size_t best = p;
    for (size_t r = p; r < 6; ++r) best = std::abs(m[r][p]) > std::abs(m[best][p]) ? r : best;
    std::swap(m[p], m[best]);
    for (size_t r = 0; r < 6; ++r) {
      if (r == p) continue;
      const double f = m[r][p] / m[p][p];
      for (size_t c = 0; c < 7; ++c) m[r][c] -= f * m[p][c];
    }
  }
  for (size_t i = 6; i < 100; ++i) {
    double predicted = 0;
    for (size_t j = 0; j < 6; ++j) predicted += x[6 * i + j] * m[j][6] / m[j][j];
    CHECK(predicted == Approx(y[2 * i]).margin(1e-3));
  }
}

TEST_CASE("synthetic fields are checked") {
  CHECK_THAT(plan_report("source: {synthetic: {shape: [2, 2]}}\n"),
             Contains("c.yaml:1:") && Contains("2 sizes"));
  CHECK_THAT(plan_report("source: {synthetic: {samples: 0}}\n"), Contains("samples"));
  CHECK_THAT(plan_report("source: {synthetic: {task: guess}}\n"), Contains("task"));
  CHECK_THAT(plan_report("source: {synthetic: {shape: [4000000000, 4000000000, 4000000000]}}\n"),
             Contains("too large"));
  CHECK_THAT(plan_report("source: {synthetic: {shape: [4000, 4000], classes: 100000}}\n"),
             Contains("2 sizes"));
  CHECK_THAT(plan_report("source: {synthetic: {shape: [1, 1000, 1000], classes: 100000}}\n"),
             Contains("too large"));
}
