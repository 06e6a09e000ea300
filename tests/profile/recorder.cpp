#include "dlb/profile/recorder.h"

#include <catch2/catch.hpp>
#include <map>

#include "dlb/autograd/autograd.h"
#include "dlb/backend/cpu/install.h"
#include "dlb/model/weights.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/unary.h"
#include "dlb/profile/tally.h"
#include "dlb/train/updater.h"
#include "train/given.h"

using namespace dlb;
using namespace dlb::profile;

namespace {

std::string name_of(const Record& r) { return r.name == nullptr ? "" : *r.name; }

std::shared_ptr<const data::Dataset> noise(int64_t samples) {
  std::vector<int64_t> targets;
  for (int64_t i = 0; i < samples; ++i) targets.push_back(i % 3);
  return std::make_shared<train::GivenSamples>(std::vector<std::pair<std::string, Tensor>>{
      {"x", normal({samples, 5}, 0, 1, {1, RngPurpose::kUser, 0, 0})},
      {"label", Tensor::from(targets, {samples})}});
}

constexpr const char* kSmall = R"(model:
  - linear: 8
  - tanh
  - residual:
      - linear: 8
      - sigmoid
  - linear: 3
loss: cross_entropy
optimizer: {sgd: {lr: 0.1}}
train: {ema: 0.9}
)";

/// One update under a recorder.
std::vector<Record> recorded_update() {
  const auto e = train::experiment_of(kSmall, noise(8), 8);
  train::Updater updater(*e);
  train::Batches batches = train::batches_of(noise(8), 8);
  StepRecorder recorder;
  recorder.start();
  updater.update(batches, {}, false);
  recorder.stop();
  std::vector<Record> records = recorder.records();
  for (Record& r : records) {  // the strings go with the model
    static std::vector<std::unique_ptr<std::string>> kept;
    for (const std::string** text : {&r.name, &r.where}) {
      if (*text == nullptr) continue;
      kept.push_back(std::make_unique<std::string>(**text));
      *text = kept.back().get();
    }
  }
  return records;
}

}  // namespace

TEST_CASE("an operator and its gradient belong to the place that the operator ran for") {
  backend::cpu::install();
  const std::string a = "a", b = "b", at = "x.yaml:1";
  Tensor w = normal({4, 4}, 0, 1, {1, RngPurpose::kUser, 0, 0});
  w.set_requires_grad(true);
  StepRecorder recorder;
  recorder.start();
  Tensor loss;
  {
    const WorkScope forward(WorkPart::kForward);
    Tensor y;
    {
      const WorkScope place(work_observer(), a, at);
      y = exp(matmul(w, w));
    }
    {
      const WorkScope place(work_observer(), b, at);
      y = tanh(y);
    }
    {
      const WorkScope place(work_observer(), a, at);
      loss = sum(mul(y, y));
    }
  }
  {
    const WorkScope part(WorkPart::kBackward);
    backward(loss);
  }
  recorder.stop();

  // (part, gradient of) -> the operators that ran for each place
  std::vector<std::string> forward, gradients;
  for (const Record& r : recorder.records()) {
    if (r.kind == Record::Kind::kOperator && r.part == WorkPart::kForward)
      forward.push_back(std::string(r.op->name) + " " + name_of(r));
    if (r.kind == Record::Kind::kGradient) gradients.push_back(name_of(r));
  }
  CHECK(forward == std::vector<std::string>{"matmul a", "exp a", "tanh b", "mul a", "sum a"});
  // sum, mul; tanh; exp, matmul
  CHECK(gradients == std::vector<std::string>{"a", "a", "b", "a", "a"});
  for (const Record& r : recorder.records()) CHECK(r.end >= r.begin);
}

TEST_CASE("without an observer nothing is told, and an observer goes with its recorder") {
  CHECK(work_observer() == nullptr);
  {
    StepRecorder recorder;
    recorder.start();
    CHECK(work_observer() == &recorder);
  }
  CHECK(work_observer() == nullptr);
  const WorkScope scope(WorkPart::kForward);
}

TEST_CASE("what a reference composition runs counts for the operator") {
  backend::cpu::install();
  const OpDef& outer = *find_op("mul");
  const NoAttrs none;
  StepRecorder recorder;
  recorder.start();
  const Tensor x = ones({2});
  const size_t before = recorder.records().size();
  // As apply() calls it, with another operator inside.
  recorder.before(outer, {}, &none);
  const Tensor y = add(x, x);
  const Tensor in[] = {x, x};
  recorder.after(outer, in, {&y, 1}, &none);
  recorder.stop();
  REQUIRE(recorder.records().size() == before + 1);
  CHECK(recorder.records().back().op == &outer);
}

TEST_CASE("an update is split into its parts, its layers and its lines") {
  backend::cpu::install();
  const std::vector<Record> records = recorded_update();
  std::map<std::string, std::string> where;
  std::map<std::string, std::map<std::string, int>> operators;  // layer -> part -> how many
  for (const Record& r : records) {
    if (r.kind == Record::Kind::kOperator) ++operators[name_of(r)][part_name(r.part)];
    if (r.name != nullptr) where[*r.name] = *r.where;
  }
  for (const char* layer : {"linear_1", "residual_1.body.linear_1", "residual_1.body.sigmoid_1", "residual_1",
                            "linear_2", "loss.cross_entropy"}) {
    INFO(layer);
    CHECK(operators[layer]["forward"] > 0);
  }
  for (const char* layer :
       {"linear_1", "tanh_1", "residual_1.body.linear_1", "linear_2", "loss.cross_entropy"}) {
    INFO(layer);
    CHECK(operators[layer]["backward"] > 0);
  }
  CHECK(where["linear_1"] == "test.yaml:2");
  CHECK(where["residual_1.body.linear_1"] == "test.yaml:5");
  CHECK(where["loss.cross_entropy"] == "test.yaml:8");
  CHECK(where["optimizer"] == "test.yaml:9");
  CHECK(where.contains("data"));
  CHECK(where.contains("average of the weights"));
  // No operator of the passes is without a layer, but for the seed of the backward pass.
  CHECK(operators[""]["forward"] == 0);
  CHECK(operators[""]["backward"] <= 1);
}

TEST_CASE("times of a recorded step add up to the step") {
  backend::cpu::install();
  const std::vector<Record> records = recorded_update();
  Tally tally;
  tally.add(records, records.front().begin - 1000, records.back().end + 5000);
  double sum = 0;
  for (const Row& row : tally.rows()) {
    CHECK(row.ms >= 0);
    sum += row.ms;
  }
  CHECK(sum == Approx(static_cast<double>(records.back().end - records.front().begin + 6000) * 1e-6));
}

TEST_CASE("a watched training has the same weights in the end") {
  backend::cpu::install();
  std::vector<std::string> hashes;
  for (const bool watched : {false, true}) {
    const auto e = train::experiment_of(kSmall, noise(24), 8);
    train::Updater updater(*e);
    train::Batches batches = train::batches_of(noise(24), 8);
    StepRecorder recorder;
    for (int64_t i = 0; i < 3; ++i) {
      if (watched) recorder.start();
      REQUIRE(updater.update(batches, {i, i}, false));
      recorder.stop();
    }
    hashes.push_back(model::params_hash(*e->model));
  }
  CHECK(hashes[0] == hashes[1]);
}
