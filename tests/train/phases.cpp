#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "dlb/backend/cpu/install.h"
#include "dlb/io/safetensors.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/view.h"
#include "dlb/train/updater.h"
#include "train/given.h"
#include "train/support.h"

using namespace dlb;
using namespace dlb::train;

namespace {

const io::Safetensors& golden() {
  static const io::Safetensors file =
      io::read_safetensors(std::string(DLB_SOURCE_DIR) + "/tests/golden/phases.safetensors");
  return file;
}

const Tensor& reference(const std::string& name) {
  const Tensor* found = golden().find(name);
  if (found == nullptr) throw std::runtime_error("no reference " + name);
  return *found;
}

/// [steps, batch, ...] as [steps * batch, ...]
Tensor flat(const Tensor& x) {
  Shape shape(x.shape().begin() + 1, x.shape().end());
  shape[0] *= x.dim(0);
  return reshape(x, shape);
}

void load(Experiment& e, const std::string& prefix) {
  model::LoadOptions options;
  options.prefix = prefix + ".init.";
  model::load_weights(*e.model, golden(), options);
}

void check_final(const Experiment& e, const std::string& prefix, double tolerance) {
  for (const nn::Variable& v : e.model->variables()) {
    const auto expected = reference(prefix + ".final." + v.name).to_vector<double>();
    const auto actual = v.value.to_vector<double>();
    REQUIRE(expected.size() == actual.size());
    double worst = 0;
    for (size_t i = 0; i < actual.size(); ++i) worst = std::max(worst, std::abs(actual[i] - expected[i]));
    INFO(v.name);
    CHECK(worst <= tolerance);
  }
}

std::vector<double> bytes_of(const Experiment& e) {
  std::vector<double> all;
  for (const nn::Variable& v : e.model->variables()) {
    const auto values = v.value.to_vector<double>();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

constexpr const char* kSeveral = R"(
model:
  - linear: {out: 8, id: encoder}
  - tanh: {as: h}
  - linear: {in: h, out: 12, id: recon, as: recon}
  - linear: {in: h, out: 5, id: scores}
loss:
  - cross_entropy: {weight: 0.7}
  - mse: {in: recon, target: image, weight: 2, as: recon}
  - {l1: {in: h, target: 0.25}, weight: 0.05}
optimizer: {adam: {lr: 1e-2}}
)";

constexpr const char* kGan = R"(
models:
  generator: [linear: 16, tanh, linear: 8]
  discriminator: [linear: 16, leaky_relu: 0.2, linear: 1]
model: [{call: generator, in: noise}]
train:
  phases:
    - name: d
      run:
        - {call: discriminator, in: real, as: on_real}
        - {call: generator, in: noise}
        - detach
        - {call: discriminator, as: on_fake}
      loss:
        - bce_with_logits: {in: on_real, target: 1, as: real}
        - bce_with_logits: {in: on_fake, target: 0, as: fake}
      update: discriminator
      optimizer: {adam: {lr: 2e-3, beta1: 0.5}}
      times: 2
    - name: g
      run: [{call: generator, in: noise}, call: discriminator]
      loss: {bce_with_logits: {target: 1}}
      update: generator
      optimizer: {sgd: {lr: 0.05, momentum: 0.9}}
      every: 2
)";

}  // namespace

TEST_CASE("several weighted losses give PyTorch's steps, each by its name") {
  backend::cpu::install();
  const auto set = std::make_shared<GivenSamples>(std::vector<std::pair<std::string, Tensor>>{
      {"image", flat(reference("several.image"))}, {"label", flat(reference("several.label"))}});
  const auto e = experiment_of(kSeveral, set, 16);
  load(*e, "several");
  Updater updater(*e);
  Batches batches = batches_of(set, 16);
  const auto losses = reference("several.losses").to_vector<double>();
  CHECK(loss_names(e->trained()) ==
        std::vector<std::string>{"loss", "loss/cross_entropy", "loss/recon", "loss/l1"});
  for (int64_t step = 0; step < 12; ++step) {
    const auto result = updater.update(batches, {step, step}, false);
    REQUIRE(result);
    std::map<std::string, double> values;
    add_losses(e->trained(), result->sums, values);
    INFO("step " << step);
    const double* expected = &losses[static_cast<size_t>(step) * 4];
    CHECK(result->loss == Approx(expected[0]).epsilon(1e-5));
    CHECK(values["loss"] == Approx(expected[0]).epsilon(1e-5));
    CHECK(values["loss/cross_entropy"] == Approx(expected[1]).epsilon(1e-5));
    CHECK(values["loss/recon"] == Approx(expected[2]).epsilon(1e-5));
    CHECK(values["loss/l1"] == Approx(expected[3]).epsilon(1e-5));
  }
  check_final(*e, "several", 1e-5);
}

TEST_CASE("accumulation is exact for each of several losses, whose counts differ from batch to batch") {
  backend::cpu::install();
  // Of each four batches one has no target that counts.
  Tensor labels = flat(reference("several.label"));
  auto numbers = labels.to_vector<int64_t>();
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (i / 4 % 4 == 1) numbers[i] = -100;
  }
  labels = Tensor::from(numbers, labels.shape());
  const auto set = std::make_shared<GivenSamples>(std::vector<std::pair<std::string, Tensor>>{
      {"image", flat(reference("several.image"))}, {"label", labels}});
  const auto whole = experiment_of(kSeveral, set, 16);
  const auto parts = experiment_of(kSeveral, set, 4);
  for (Experiment* e : {whole.get(), parts.get()}) {
    load(*e, "several");
    e->phases[0].clip_norm = 0.3;
  }
  parts->train.accumulate = 4;
  Updater a(*whole), b(*parts);
  Batches large = batches_of(set, 16), small = batches_of(set, 4);
  for (int64_t step = 0; step < 12; ++step) {
    const auto x = a.update(large, {step, step}, false);
    const auto y = b.update(small, {step, step * 4}, false);
    REQUIRE((x && y));
    CHECK(y->loss == Approx(x->loss).epsilon(1e-6));
    CHECK(*y->grad_norm == Approx(*x->grad_norm).epsilon(1e-6));
  }
  const auto expected = bytes_of(*whole), actual = bytes_of(*parts);
  double worst = 0;
  for (size_t i = 0; i < expected.size(); ++i) worst = std::max(worst, std::abs(actual[i] - expected[i]));
  CHECK(worst <= 2e-6);
}

TEST_CASE("phases of a GAN give PyTorch's steps") {
  backend::cpu::install();
  const auto set = std::make_shared<GivenSamples>(
      std::vector<std::pair<std::string, Tensor>>{{"real", flat(reference("gan.real"))},
                                                  {"noise", flat(reference("gan.noise"))}},
      2);
  const auto e = experiment_of(kGan, set, 16);
  load(*e, "gan");
  Updater updater(*e);
  Batches batches = batches_of(set, 16);
  const auto losses = reference("gan.losses").to_vector<double>();
  for (int64_t step = 0; step < 12; ++step) {
    const auto before = value_of(*e, "generator.linear_1.weight").to_vector<float>();
    const auto result = updater.update(batches, {step, step}, false);
    REQUIRE(result);
    INFO("step " << step);
    const double d = losses[static_cast<size_t>(step) * 2], g = losses[static_cast<size_t>(step) * 2 + 1];
    std::map<std::string, double> values;
    add_losses(e->trained(), result->sums, values);
    CHECK(values["loss/d"] == Approx(d).epsilon(2e-5));
    CHECK(values["loss/d"] == Approx(values["loss/d/real"] + values["loss/d/fake"]));
    if (step % 2 == 0) {
      CHECK(values["loss/g"] == Approx(g).epsilon(2e-5));
      CHECK(result->loss == Approx(d + g).epsilon(2e-5));
    } else {
      CHECK(values.count("loss/g") == 0);
      CHECK(value_of(*e, "generator.linear_1.weight").to_vector<float>() == before);
    }
  }
  CHECK(e->phases[0].optimizer->steps() == 24);
  CHECK(e->phases[1].optimizer->steps() == 6);
  check_final(*e, "gan", 2e-5);
}

TEST_CASE("what is frozen keeps its bytes, running statistics too") {
  backend::cpu::install();
  const auto set = std::make_shared<GivenSamples>(std::vector<std::pair<std::string, Tensor>>{
      {"image", flat(reference("several.image"))}, {"label", flat(reference("several.label"))}});
  const std::string text = R"(
model: [linear: {out: 8, id: encoder}, batch_norm: {id: norm}, tanh, linear: 8, tanh, linear: {out: 5, id: head}]
loss: cross_entropy
optimizer: {adamw: {lr: 1e-2, weight_decay: 0.1}}
freeze: [encoder, norm, "linear_*.bias"]
)";
  const auto e = experiment_of(text, set, 16);
  CHECK(e->totals.frozen == 12 * 8 + 8 + 16 + 8);
  CHECK(e->totals.params == 64 + 8 * 5 + 5);
  std::map<std::string, std::vector<float>> before;
  for (const nn::Variable& v : e->model->variables()) before[v.name] = v.value.to_vector<float>();
  Updater updater(*e);
  Batches batches = batches_of(set, 16);
  for (int64_t step = 0; step < 5; ++step) updater.update(batches, {step, step}, false);
  for (const nn::Variable& v : e->model->variables()) {
    INFO(v.name);
    const bool trained = v.name.starts_with("head") || v.name == "linear_2.weight";
    CHECK((v.value.to_vector<float>() != before[v.name]) == trained);
  }
}

TEST_CASE("a loss that depends on nothing that is trained is an error at the loss") {
  backend::cpu::install();
  const auto set = std::make_shared<GivenSamples>(std::vector<std::pair<std::string, Tensor>>{
      {"image", flat(reference("several.image"))}, {"label", flat(reference("several.label"))}});
  const std::string text = R"(model: [linear: {out: 12, id: a, as: h}, linear: {out: 5, id: b}]
optimizer: {sgd: {lr: 0.1}}
train:
  phases:
    - {name: one, loss: {mse: {in: h, target: image}}, update: b}
)";
  const auto e = experiment_of(text, set, 16);
  Updater updater(*e);
  Batches batches = batches_of(set, 16);
  try {
    updater.update(batches, {}, false);
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(error.where == "test.yaml:5:25");
    CHECK(error.message == "phase 'one': its loss does not depend on any parameter that it updates");
  }
}
