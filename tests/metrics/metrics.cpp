// Metrics: hand-counted values (scikit-learn's definitions), independence of the batches, forms that do not
// fit.
#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "dlb/backend/cpu/install.h"
#include "dlb/metrics/metric.h"
#include "dlb/ops/create.h"
#include "dlb/ops/shape_ops.h"
#include "support/golden.h"

using namespace dlb;

namespace {

std::unique_ptr<metrics::Metric> make(const std::string& text) {
  auto m = golden::make(golden::Json::parse(text), metrics::metric_types());
  m->reset();
  return m;
}

Tensor real(const std::vector<float>& values, Shape shape) { return Tensor::from(values, std::move(shape)); }
Tensor classes(const std::vector<int64_t>& values) {
  return Tensor::from(values, {static_cast<int64_t>(values.size())});
}

/// Scores whose largest is at the given class.
Tensor scores(const std::vector<int64_t>& predicted, int64_t count) {
  std::vector<float> values(predicted.size() * static_cast<size_t>(count), 0.0F);
  for (size_t i = 0; i < predicted.size(); ++i)
    values[i * static_cast<size_t>(count) + static_cast<size_t>(predicted[i])] = 1.0F;
  return real(values, {static_cast<int64_t>(predicted.size()), count});
}

double once(const std::string& text, const Tensor& prediction, const Tensor& target) {
  const auto m = make(text);
  m->update(prediction, target);
  return m->value();
}

}  // namespace

TEST_CASE("accuracy") {
  backend::cpu::install();
  CHECK(once(R"({"accuracy": {}})", scores({0, 1, 2, 2}, 3), classes({0, 1, 1, 2})) == 0.75);
  CHECK(once(R"({"accuracy": {}})", scores({0, 1, 2, 2}, 3), classes({0, -100, 1, -100})) == 0.5);
  CHECK(once(R"({"accuracy": {"ignore_index": 1}})", scores({0, 1, 2, 2}, 3), classes({0, 1, 1, 2})) == 1.0);
  // The first of equal scores wins.
  CHECK(once(R"({"accuracy": {}})", zeros({2, 3}), classes({0, 1})) == 0.5);
  // Per pixel.
  const Tensor image = real({1, 0, 0, 1, 0, 1, 1, 0}, {1, 2, 2, 2});
  CHECK(once(R"({"accuracy": {}})", image, Tensor::from(std::vector<int64_t>{0, 1, 1, 1}, {1, 2, 2})) ==
        0.75);
}

TEST_CASE("top_k") {
  backend::cpu::install();
  const Tensor s = real({5, 4, 3, 2, 1, 5, 4, 3, 2, 1, 1, 1, 1, 1, 1}, {3, 5});
  CHECK(once(R"({"top_k": 1})", s, classes({0, 1, 0})) == Approx(2.0 / 3));
  CHECK(once(R"({"top_k": 2})", s, classes({1, 2, 1})) == Approx(2.0 / 3));
  CHECK(once(R"({"top_k": 2})", s, classes({1, 1, 2})) == Approx(2.0 / 3));
  CHECK(once(R"({"top_k": 5})", s, classes({4, 4, 4})) == 1.0);
  CHECK(once(R"({"top_k": 5})", s, classes({4, -100, 4})) == 1.0);
  const Tensor pixels = permute(reshape(s, {3, 1, 5}), {1, 2, 0});
  CHECK(once(R"({"top_k": 2})", pixels, Tensor::from(std::vector<int64_t>{1, 2, 1}, {1, 3})) ==
        Approx(2.0 / 3));
  const float nan = std::nanf("");
  CHECK(once(R"({"top_k": 1})", real({1, nan, 3}, {1, 3}), classes({2})) == 0.0);
}

TEST_CASE("precision, recall and f1") {
  backend::cpu::install();
  // Class 3 never occurs, class 2 is never predicted.
  const Tensor p = scores({0, 0, 1, 1, 0, 0}, 4);
  const Tensor t = classes({0, 0, 1, 0, 2, 1});
  CHECK(once(R"({"precision": {}})", p, t) == Approx((0.5 + 0.5 + 0) / 3));
  CHECK(once(R"({"recall": {}})", p, t) == Approx((2.0 / 3 + 0.5 + 0) / 3));
  CHECK(once(R"({"f1": {}})", p, t) == Approx((4.0 / 7 + 0.5 + 0) / 3));
  for (const char* name : {"precision", "recall", "f1"}) {
    CHECK(once(std::string(R"({")") + name + R"(": {"average": "micro"}})", p, t) == 0.5);
  }
  CHECK_THROWS_WITH(once(R"({"f1": {}})", p, classes({0, 0, 1, 0, 4, 1})),
                    Catch::Contains("target 4 is outside the 4 classes"));
}

TEST_CASE("binary_accuracy") {
  backend::cpu::install();
  const Tensor p = real({-1, 0.2F, 0.7F, 0}, {4, 1}), t = real({0, 0, 1, 1}, {4, 1});
  CHECK(once(R"({"binary_accuracy": {}})", p, t) == 0.5);
  CHECK(once(R"({"binary_accuracy": 0.5})", p, t) == 0.75);
}

TEST_CASE("regression") {
  backend::cpu::install();
  const Tensor p = real({2.5, 0, 2, 8}, {4}), t = real({3, -0.5, 2, 7}, {4});
  CHECK(once(R"({"mae": {}})", p, t) == 0.5);
  CHECK(once(R"({"mse": {}})", p, t) == 0.375);
  CHECK(once(R"({"rmse": {}})", p, t) == Approx(std::sqrt(0.375)));
  CHECK(once(R"({"r2": {}})", p, t) == Approx(0.9486081370449679).epsilon(1e-12));
  // Two outputs: the mean of 0.965... and 0.908... (scikit-learn's example).
  CHECK(once(R"({"r2": {}})", real({0, 2, -1, 2, 8, -5}, {3, 2}), real({0.5, 1, -1, 1, 7, -6}, {3, 2})) ==
        Approx((0.9654377880184332 + 0.9081632653061225) / 2).epsilon(1e-12));
  CHECK(once(R"({"r2": {}})", real({1, 1}, {2}), real({1, 1}, {2})) == 1);
  CHECK(once(R"({"r2": {}})", real({1, 2}, {2}), real({1, 1}, {2})) == 0);
  CHECK(std::isnan(once(R"({"r2": {}})", real({1}, {1}), real({1}, {1}))));
  // A large mean does not swallow the variance.
  CHECK(once(R"({"r2": {}})", Tensor::from(std::vector<double>{1e9, 1e9 + 1, 1e9 + 2}, {3}),
             Tensor::from(std::vector<double>{1e9, 1e9 + 1, 1e9 + 3}, {3})) == Approx(1 - 1 / (14.0 / 3)));
}

TEST_CASE("results do not depend on the batches, and reset starts again") {
  backend::cpu::install();
  const Tensor p = normal({97, 5}, 0, 1, {1, RngPurpose::kUser, 0, 0}),
               q = normal({97, 5}, 0, 1, {1, RngPurpose::kUser, 0, 1});
  std::vector<int64_t> labels;
  for (int64_t i = 0; i < 97; ++i) labels.push_back(i * i % 5);
  const std::set<std::string> pairs = {"binary_accuracy",
                                       "binary_precision",
                                       "binary_recall",
                                       "binary_f1",
                                       "binary_iou",
                                       "r2",
                                       "mae",
                                       "mse",
                                       "rmse",
                                       "mean_relative_error",
                                       "psnr",
                                       "explained_variance",
                                       "pearson",
                                       "spearman"};
  for (const auto& type : metrics::metric_types()) {
    INFO(type.name);
    if (type.name == "edit_distance" || type.name == "word_error_rate" || type.name == "bleu") continue;
    const auto m = make("{\"" + type.name + "\": {}}");
    const Tensor t = pairs.count(type.name) == 0 ? classes(labels) : q;
    CHECK(std::isnan(m->value()));
    m->update(p, t);
    const double whole = m->value();
    m->reset();
    CHECK(std::isnan(m->value()));
    for (int64_t begin = 0; begin < 97; begin += 10)
      m->update(slice(p, 0, begin, begin + 10), slice(t, 0, begin, begin + 10));
    CHECK(m->value() == whole);
  }
}

TEST_CASE("forms that do not fit are errors, on meta tensors too") {
  const auto meta = [](Shape shape, DType dtype) { return Tensor::empty(std::move(shape), dtype, kMeta); };
  const auto m = make(R"({"accuracy": {}})");
  CHECK_NOTHROW(m->update(meta({8, 3}, DType::kFloat32), meta({8}, DType::kInt64)));
  CHECK(std::isnan(m->value()));
  CHECK_THROWS_WITH(
      m->update(meta({8, 3}, DType::kFloat32), meta({8, 1}, DType::kInt64)),
      Catch::Contains(
          "accuracy expects prediction [N, classes, ...] and target [N, ...], got [8, 3] and [8, 1]"));
  CHECK_THROWS_WITH(m->update(meta({8, 3}, DType::kFloat32), meta({8}, DType::kFloat32)),
                    Catch::Contains("integer classes"));
  CHECK_THROWS_WITH(make(R"({"mse": {}})")->update(meta({8, 1}, DType::kFloat32), meta({8}, DType::kFloat32)),
                    Catch::Contains("mse expects prediction and target of equal shape, got [8, 1] and [8]"));
  CHECK_NOTHROW(make(R"({"r2": {}})")->update(meta({8, 1}, DType::kFloat32), meta({8, 1}, DType::kFloat32)));
}

TEST_CASE("the classes may be the last dimension, and the message says so") {
  backend::cpu::install();
  const Tensor last = real({1, 0, 0, 1, 0, 1, 1, 0}, {1, 4, 2});
  const Tensor t = Tensor::from(std::vector<int64_t>{0, 1, 0, 0}, {1, 4});
  CHECK(once(R"({"accuracy": {"class_dim": -1}})", last, t) == 0.75);
  CHECK(once(R"({"top_k": {"k": 1, "class_dim": 2}})", last, t) == 0.75);
  const auto report = [&](const std::string& text) {
    try {
      make(text)->update(last, t);
    } catch (const Error& e) {
      return e.report();
    }
    return std::string("no error");
  };
  CHECK_THAT(
      report(R"({"accuracy": {}})"),
      Catch::Contains("expects prediction [N, classes, ...] and target [N, ...], got [1, 4, 2] and [1, 4]") &&
          Catch::Contains("hint: with the classes last, say `class_dim: -1`"));
  CHECK_THAT(report(R"({"f1": {"class_dim": 3}})"),
             Catch::Contains("class_dim is 3, but the prediction is [1, 4, 2]"));
  CHECK_THAT(report(R"({"f1": {"class_dim": -4}})"), Catch::Contains("class_dim is -4"));
  CHECK_THAT(report(R"({"perplexity": {"class_dim": 0}})"), Catch::Contains("with classes along class_dim"));
}

TEST_CASE("rankings without both kinds, or with NaN, have no value") {
  backend::cpu::install();
  const float nan = std::nanf("");
  CHECK(std::isnan(once(R"({"auroc": {}})", real({1, 2}, {2}), real({1, 1}, {2}))));
  CHECK(std::isnan(once(R"({"average_precision": {}})", real({1, 2}, {2}), real({0, 0}, {2}))));
  CHECK(std::isnan(once(R"({"auroc": {}})", real({1, nan}, {2}), real({1, 0}, {2}))));
  CHECK(std::isnan(once(R"({"spearman": {}})", real({1, nan, 2}, {3}), real({1, 0, 2}, {3}))));
  CHECK(std::isnan(once(R"({"pearson": {}})", real({1, 1, 1}, {3}), real({1, 0, 2}, {3}))));
  // One class of three never occurs.
  CHECK(once(R"({"auroc": {}})", real({9, 0, 0, 0, 9, 0, 0, 8, 0}, {3, 3}), classes({0, 1, 1})) == 1);
  CHECK(once(R"({"ndcg": {}})", real({nan, 1, 2}, {1, 3}), real({0, 1, 0}, {1, 3})) == Approx(0.5));
  CHECK(once(R"({"matthews": {}})", scores({0, 0}, 2), classes({0, 1})) == 0);
}

TEST_CASE("sequences: empty ones, and forms that do not fit") {
  backend::cpu::install();
  const Tensor none = Tensor::from(std::vector<int64_t>{-100, -100}, {1, 2});
  const Tensor two = Tensor::from(std::vector<int64_t>{1, 2}, {1, 2});
  CHECK(once(R"({"edit_distance": {}})", two, none) == 2);
  CHECK(once(R"({"edit_distance": {"end": 1}})", two, none) == 0);
  CHECK(std::isnan(once(R"({"word_error_rate": {}})", two, none)));
  CHECK(once(R"({"bleu": {}})", two, none) == 0);
  CHECK(once(R"({"bleu": 2})", two, two) == 1);
  CHECK(std::isnan(once(R"({"exact_match": {}})", real({1, 2, 3, 4}, {1, 2, 2}), none)));
  CHECK_THROWS_WITH(
      once(R"({"bleu": {}})", two, classes({1})),
      Catch::Contains("expects scores [N, classes, S] or tokens [N, S], and target tokens [N, T]"));
  CHECK_THROWS_WITH(once(R"({"retrieval_accuracy": {}})", two, classes({1})),
                    Catch::Contains("floating embeddings"));
  CHECK(std::isnan(once(R"({"retrieval_accuracy": {}})", real({1, 2}, {1, 2}), classes({1}))));
  CHECK(once(R"({"retrieval_accuracy": 9})", real({1, 2, 3, 4}, {2, 2}), classes({1, 1})) == 1);
}
