#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "graph/graphs.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

using Ints = std::vector<int64_t>;
using Floats = std::vector<float>;
using Numbers = std::vector<double>;
using Strings = std::vector<std::string>;

std::vector<Value> ml(const std::string& op, const std::vector<Value>& inputs,
                      std::vector<Attribute> attributes, size_t outputs = 1, int64_t opset = 3) {
  return apply(op, inputs, std::move(attributes), opset, outputs, "ai.onnx.ml");
}

/// A tree of one decision, x[feature] <= 0.5, whose leaves vote for `ids` with those weights.
std::vector<Attribute> stump(const std::string& votes, Ints ids, Floats weights) {
  return {attribute("nodes_treeids", Ints{0, 0, 0}),
          attribute("nodes_nodeids", Ints{0, 1, 2}),
          attribute("nodes_featureids", Ints{1, 0, 0}),
          attribute("nodes_modes", Strings{"BRANCH_LEQ", "LEAF", "LEAF"}),
          attribute("nodes_values", Floats{0.5F, 0, 0}),
          attribute("nodes_truenodeids", Ints{1, 0, 0}),
          attribute("nodes_falsenodeids", Ints{2, 0, 0}),
          attribute(votes + "_treeids", Ints{0, 0}),
          attribute(votes + "_nodeids", Ints{1, 2}),
          attribute(votes + "_ids", std::move(ids)),
          attribute(votes + "_weights", std::move(weights))};
}

void replace(std::vector<Attribute>& attributes, Attribute other) {
  for (Attribute& a : attributes) {
    if (a.name == other.name) a.value = other.value;
  }
}

const Value kX = floats({0, 0, 0, 1}, {2, 2});

}  // namespace

TEST_CASE("Features are encoded, scaled and filled in") {
  CHECK(ml("LabelEncoder", {texts({"b", "c"})},
           {attribute("keys_strings", Strings{"a", "b"}), attribute("values_int64s", Ints{5, 6})})[0]
            .tensor.to_vector<int64_t>() == Ints{6, -1});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(ml("LabelEncoder", {floats({nan, 2, 1})},
           {attribute("keys_floats", Floats{1, nan}), attribute("values_strings", Strings{"one", "none"})})[0]
            .texts->items == Strings{"none", "_Unused", "one"});
  CHECK(ml("LabelEncoder", {texts({"b", "x"})},
           {attribute("classes_strings", Strings{"a", "b"}), attribute("default_int64", 9)}, 1, 1)[0]
            .tensor.to_vector<int64_t>() == Ints{1, 9});
  CHECK(ml("LabelEncoder", {integers({1, 7})}, {attribute("classes_strings", Strings{"a", "b"})}, 1, 1)[0]
            .texts->items == Strings{"b", "_Unused"});
  CHECK_THROWS_WITH(ml("LabelEncoder", {texts({"b"})},
                       {attribute("keys_strings", Strings{"a"}), attribute("values_int64s", Ints{})}),
                    Contains("1 keys and 0 values"));
  CHECK_THROWS_WITH(ml("LabelEncoder", {floats({1})},
                       {attribute("keys_strings", Strings{"a"}), attribute("values_int64s", Ints{1})}),
                    Contains("its keys are texts"));
  CHECK(
      numbers(ml("Scaler", {kX}, {attribute("offset", Floats{1, 1}), attribute("scale", Floats{2, 3})})[0]) ==
      Numbers{-2, -3, -2, 0});
  CHECK_THROWS_AS(ml("Scaler", {kX}, {attribute("offset", Floats{1, 1, 1})}), Error);
  CHECK(numbers(ml("Normalizer", {floats({3, -4, 0, 0}, {2, 2})}, {attribute("norm", "L2")})[0]) ==
        Numbers{static_cast<double>(0.6F), static_cast<double>(-0.8F), 0, 0});
  CHECK_THROWS_WITH(ml("Normalizer", {kX}, {attribute("norm", "L3")}), Contains("'L3'"));
  CHECK(numbers(ml("OneHotEncoder", {integers({2, 7})}, {attribute("cats_int64s", Ints{1, 2})})[0]) ==
        Numbers{0, 1, 0, 0});
  CHECK_THROWS_AS(
      ml("OneHotEncoder", {integers({2, 7})}, {attribute("cats_int64s", Ints{1, 2}), attribute("zeros", 0)}),
      Error);
  CHECK(numbers(ml("Imputer", {floats({nan, 1}, {1, 2})},
                   {attribute("replaced_value_float", nan),
                    attribute("imputed_value_floats", Floats{7, 8})})[0]) == Numbers{7, 1});
  CHECK_THROWS_AS(ml("Imputer", {kX}, {attribute("imputed_value_floats", Floats{7, 8, 9})}), Error);
  CHECK(ml("FeatureVectorizer", {integers({1, 2}, {2, 1}), kX}, {})[0].shape() == Shape{2, 3});
  CHECK(ml("ArrayFeatureExtractor", {floats({1, 2, 3}), integers({2, 0})}, {})[0].shape() == Shape{1, 2});
  CHECK_THROWS_AS(ml("ArrayFeatureExtractor", {floats({1, 2, 3}), integers({3})}, {}), Error);
}

TEST_CASE("Linear models") {
  const auto y =
      ml("LinearClassifier", {kX},
         {attribute("coefficients", Floats{0, 1, 0, -1}), attribute("intercepts", Floats{-0.5F, 0.5F}),
          attribute("classlabels_strings", Strings{"yes", "no"}), attribute("post_transform", "SOFTMAX")},
         2);
  CHECK(y[0].texts->items == Strings{"no", "yes"});
  CHECK(numbers(y[1])[0] == Approx(1 / (1 + std::exp(1.0))));
  CHECK(numbers(ml("LinearRegressor", {kX},
                   {attribute("coefficients", Floats{1, 2}), attribute("intercepts", Floats{3})})[0]) ==
        Numbers{3, 5});
  CHECK_THROWS_WITH(ml("LinearRegressor", {kX}, {attribute("coefficients", Floats{1, 2, 3})}),
                    Contains("3 coefficients"));
  CHECK_THROWS_AS(
      ml("LinearRegressor", {kX}, {attribute("coefficients", Floats{}), attribute("targets", INT32_MAX)}),
      Error);
  CHECK_THROWS_WITH(ml("LinearClassifier", {kX}, {attribute("coefficients", Floats{1, 2, 3, 4})}, 2),
                    Contains("expected one of"));
}

TEST_CASE("Trees decide and vote") {
  CHECK(numbers(ml("TreeEnsembleRegressor", {kX}, stump("target", {0, 0}, {10, 20}))[0]) == Numbers{10, 20});
  auto classes = stump("class", {0, 1}, {1, 1});
  classes.push_back(attribute("classlabels_int64s", Ints{7, 8}));
  const auto y = ml("TreeEnsembleClassifier", {kX}, classes, 2);
  CHECK(wholes(y[0]) == Ints{7, 8});
  CHECK(numbers(y[1]) == Numbers{1, 0, 0, 1});
  auto one = stump("class", {0, 0}, {0.2F, 0.9F});
  one.push_back(attribute("classlabels_int64s", Ints{7, 8}));
  const auto binary = ml("TreeEnsembleClassifier", {kX}, one, 2);
  CHECK(wholes(binary[0]) == Ints{7, 8});
  CHECK(numbers(binary[1])[0] == Approx(0.8));
}

TEST_CASE("Trees that make no sense are refused") {
  const auto broken = [](Attribute a) {
    auto attributes = stump("target", {0, 0}, {1, 2});
    replace(attributes, std::move(a));
    return attributes;
  };
  const auto run = [&](Attribute a) { return ml("TreeEnsembleRegressor", {kX}, broken(std::move(a))); };
  CHECK_THROWS_WITH(run(attribute("nodes_truenodeids", Ints{0, 0, 0})), Contains("circle"));
  CHECK_THROWS_WITH(run(attribute("nodes_truenodeids", Ints{9, 0, 0})), Contains("leads nowhere"));
  CHECK_THROWS_WITH(run(attribute("nodes_featureids", Ints{2, 0, 0})),
                    Contains("feature 2 of samples with 2"));
  CHECK_THROWS_WITH(run(attribute("nodes_featureids", Ints{-1, 0, 0})), Contains("leads nowhere"));
  CHECK_THROWS_WITH(run(attribute("nodes_nodeids", Ints{0, 1, 1})), Contains("there twice"));
  CHECK_THROWS_WITH(run(attribute("nodes_values", Floats{0})), Contains("different lengths"));
  CHECK_THROWS_WITH(run(attribute("nodes_modes", Strings{"BRANCH", "LEAF", "LEAF"})), Contains("'BRANCH'"));
  CHECK_THROWS_WITH(run(attribute("target_ids", Ints{0, 1})), Contains("no target"));
  CHECK_THROWS_WITH(run(attribute("target_nodeids", Ints{1, 5})), Contains("no node"));
}

TEST_CASE("Support vector machines") {
  const std::vector<Attribute> two = {attribute("support_vectors", Floats{0, 0, 0, 1}),
                                      attribute("vectors_per_class", Ints{1, 1}),
                                      attribute("coefficients", Floats{1, -1}),
                                      attribute("rho", Floats{0.5F}),
                                      attribute("kernel_type", "LINEAR"),
                                      attribute("classlabels_ints", Ints{3, 4})};
  const auto y = ml("SVMClassifier", {kX}, two, 2);
  CHECK(wholes(y[0]) == Ints{3, 4});
  CHECK(numbers(y[1]) == Numbers{-0.5, 0.5, 0.5, -0.5});
  const auto broken = [&](Attribute a) {
    auto attributes = two;
    replace(attributes, std::move(a));
    return ml("SVMClassifier", {kX}, attributes, 2);
  };
  CHECK_THROWS_WITH(broken(attribute("vectors_per_class", Ints{1, 2})), Contains("do not fit"));
  CHECK_THROWS_WITH(broken(attribute("vectors_per_class", Ints{-1, 2})), Contains("-1 support vectors"));
  CHECK_THROWS_WITH(broken(attribute("coefficients", Floats{1})), Contains("do not fit"));
  CHECK_THROWS_WITH(broken(attribute("rho", Floats{})), Contains("do not fit"));
  CHECK_THROWS_WITH(broken(attribute("classlabels_ints", Ints{3})), Contains("do not fit"));
  CHECK_THROWS_WITH(broken(attribute("kernel_type", "CUBIC")), Contains("'CUBIC'"));
  CHECK(numbers(ml("SVMRegressor", {kX},
                   {attribute("support_vectors", Floats{0, 1}), attribute("n_supports", 1),
                    attribute("coefficients", Floats{2}), attribute("rho", Floats{1}),
                    attribute("kernel_type", "POLY"), attribute("kernel_params", Floats{1, 1, 2})})[0]) ==
        Numbers{3, 9});
  CHECK_THROWS_AS(
      ml("SVMRegressor", {kX}, {attribute("coefficients", Floats{2}), attribute("rho", Floats{})}), Error);
}

TEST_CASE("Optimizer steps check what belongs together") {
  const auto training = [](const std::string& op, const std::vector<Value>& inputs, std::vector<Attribute> a,
                           size_t outputs) {
    return apply(op, inputs, std::move(a), 1, outputs, "ai.onnx.preview.training");
  };
  const Value rate = floats({0.1F}, {}), t = integer(0), x = floats({1, 2});
  const auto y = training("Momentum", {rate, t, x, floats({1, 1}), floats({0, 0})},
                          {attribute("alpha", 0.9F), attribute("beta", 5.0F), attribute("mode", "standard"),
                           attribute("norm_coefficient", 0.0F)},
                          2);
  CHECK(numbers(y[0])[0] == Approx(0.9));  // beta does not count in the first step
  CHECK_THROWS_WITH(training("Adam", {rate, t, x, x, x}, {}, 3), Contains("4 for each tensor"));
  CHECK_THROWS_WITH(training("Adagrad", {rate, t, x, floats({1}), x}, {}, 2), Contains("what belongs to it"));
}
