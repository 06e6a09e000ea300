#include <set>

#include "data/data_support.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

/// 100 training and 20 test samples, each a vector of which the first value tells it apart.
const std::string kSource =
    "source: {synthetic: {samples: 100, test_samples: 20, shape: [1, 8, 6], classes: 3}}\n";

std::vector<float> first_values(const data::DataModule& module, const std::string& split,
                                bool training = false) {
  auto loader = module.loader(split, training, 1);
  loader->start(0);
  std::vector<float> out;
  while (const auto batch = loader->next()) {
    const auto values = batch->input().to_vector<float>();
    const size_t width = values.size() / static_cast<size_t>(batch->size);
    for (size_t i = 0; i < values.size(); i += width) out.push_back(values[i]);
  }
  return out;
}

std::vector<float> opened(const std::string& more, const std::string& split) {
  auto module = plan(kSource + more);
  module->open();
  return first_values(*module, split);
}

std::vector<float> slice(const std::vector<float>& v, size_t begin, size_t end) {
  return {v.begin() + static_cast<std::ptrdiff_t>(begin), v.begin() + static_cast<std::ptrdiff_t>(end)};
}

}  // namespace

TEST_CASE("facts of the data") {
  const auto fact = [](const std::string& yaml, const char* name) {
    config::Scope scope;
    plan(yaml)->facts(scope);
    const config::Node* node = scope.find(name);
    return node != nullptr ? node->as_int() : -1;
  };
  const std::string images = kSource + "val: 10\ntransforms: [{center_crop: [4, 5]}, to_rgb]\n";
  CHECK(fact(images, "classes") == 3);
  CHECK(fact(images, "channels") == 3);
  CHECK(fact(images, "height") == 4);
  CHECK(fact(images, "width") == 5);
  CHECK(fact(images, "features") == 60);
  CHECK(fact(images, "train_size") == 90);
  const std::string vectors = "source: {synthetic: {task: regression, shape: [6]}}\n";
  CHECK(fact(vectors, "classes") == -1);
  CHECK(fact(vectors, "channels") == -1);
  CHECK(fact(vectors, "features") == 6);
}

TEST_CASE("the held-out samples and the rest are disjoint and make up the whole") {
  const std::vector<float> all = opened("", "train");
  REQUIRE(all.size() == 100);
  REQUIRE(std::set<float>(all.begin(), all.end()).size() == 100);
  for (const char* val :
       {"val: 30\n", "val: {from: train, last: 30}\n", "val: 0.3\n", "val: {fraction: 0.3}\n"}) {
    CHECK(opened(val, "train") == slice(all, 0, 70));
    CHECK(opened(val, "val") == slice(all, 70, 100));
  }
  CHECK(opened("val: {first: 30}\n", "val") == slice(all, 0, 30));
  CHECK(opened("val: {first: 30}\n", "train") == slice(all, 30, 100));
  CHECK(opened("val: {from: test, last: 5}\n", "train").size() == 100);
  CHECK(opened("val: {from: test, last: 5}\n", "test").size() == 15);
  CHECK(opened("val: 30\nlimit_train: 10\nlimit_val: 4\nlimit_test: 1000\n", "train") == slice(all, 0, 10));
  CHECK(opened("val: 30\nlimit_train: 10\nlimit_val: 4\n", "val") == slice(all, 70, 74));
}

TEST_CASE("training batches are shuffled and augmented, evaluation batches neither") {
  auto module = plan(
      kSource +
      "batch: 32\neval_batch: 50\naugment: [{random_crop: {size: [8, 6], padding: 2}}]\ndrop_last: true\n");
  module->open();
  CHECK(module->steps_per_epoch() == 3);
  CHECK(module->loader("train", true, 1)->batches() == 3);
  CHECK(module->loader("train", false, 1)->batches() == 2);
  CHECK(first_values(*module, "train") == opened("", "train"));
  CHECK(first_values(*module, "train", true) != slice(first_values(*module, "train"), 0, 96));
  CHECK(first_values(*module, "train", true) == first_values(*module, "train", true));
  auto still = plan(kSource + "shuffle: false\n");
  still->open();
  CHECK(first_values(*still, "train", true) == first_values(*still, "train"));
}

TEST_CASE("augment acts on bytes, before the transforms") {
  auto module = plan(
      "source: digits\ntransforms: [to_float: 16, normalize: {mean: 0.3, std: 0.4}]\n"
      "augment: [{random_crop: {size: 8, padding: 1}}, random_flip]\n");
  CHECK(module->spec().input().spec.dtype == DType::kFloat32);
  CHECK(module->spec().input().spec.shape == Shape{1, 8, 8});
  module->open();
  auto loader = module->loader("train", true, 3);
  loader->start(1);
  const Tensor x = loader->next()->input();
  CHECK(x.is_channels_last());
  // All values are sixteenths, normalised: the border is too.
  for (const float v : x.to_vector<float>()) {
    const float level = (v * 0.4F + 0.3F) * 16;
    CHECK(level == Approx(std::round(level)).margin(1e-4));
  }
}

TEST_CASE("a wrong data section: every error with its place") {
  const std::string report = plan_report(
      kSource + "val: 200\nbatch: 0\ntransforms: [to_flaot, normalize: {mean: 0}]\nprefetch: x\nbacth: 3\n");
  CHECK_THAT(report, Contains("c.yaml:2:6") && Contains("cannot hold 200"));
  CHECK_THAT(report, Contains("c.yaml:3:8") && Contains("batch"));
  CHECK_THAT(report, Contains("c.yaml:4:14") && Contains("to_float"));
  CHECK_THAT(report, Contains("c.yaml:4:") && Contains("std"));
  CHECK_THAT(report, Contains("c.yaml:5:11") && Contains("prefetch"));
  CHECK_THAT(report, Contains("c.yaml:6:1") && Contains("batch"));
}

TEST_CASE("what cannot be held out, limited or trained on") {
  CHECK_THAT(plan_report(kSource + "val: 100\n"), Contains("c.yaml:2:6") && Contains("1 to 99"));
  CHECK_THAT(plan_report(kSource + "val: {last: 5, first: 5}\n"),
             Contains("one of last, first, fraction; found 2"));
  CHECK_THAT(plan_report(kSource + "val: {from: train}\n"), Contains("found 0"));
  CHECK_THAT(plan_report(kSource + "val: {from: trian, last: 5}\n"),
             Contains("c.yaml:2:13") && Contains("train"));
  CHECK_THAT(plan_report(kSource + "val: 1.5\n"), Contains("fraction"));
  CHECK_THAT(plan_report(kSource + "val: 0.001\n"), Contains("cannot hold 0"));
  CHECK_THAT(plan_report(kSource + "limit_val: 3\n"), Contains("no split 'val'"));
  CHECK_THAT(plan_report(kSource + "batch: 101\ndrop_last: true\n"),
             Contains("c.yaml:3:") && Contains("nothing to train on"));
  CHECK(plan(kSource + "batch: 101\n")->steps_per_epoch() == 1);
}

TEST_CASE("pipelines that do not fit are refused at the transform") {
  CHECK_THAT(plan_report(kSource + "transforms: [random_flip]\n"),
             Contains("c.yaml:2:14") && Contains("data.augment"));
  CHECK_THAT(plan_report(kSource + "transforms: [{center_crop: 7}]\n"),
             Contains("c.yaml:2:") && Contains("larger"));
  CHECK_THAT(plan_report(kSource + "augment: [{random_crop: 4}]\n"),
             Contains("c.yaml:2:10") && Contains("[1, 4, 4]") && Contains("[1, 8, 6]"));
  CHECK(plan(kSource + "augment: [{random_crop: 4}]\ntransforms: [{center_crop: 4}]\n")
            ->spec()
            .input()
            .spec.shape == Shape{1, 4, 4});
  CHECK_THAT(plan_report("source: digits\ntransforms: [{normalize: {mean: 0, std: 1}}]\n"),
             Contains("to_float"));
}
