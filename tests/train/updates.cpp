#include <catch2/catch.hpp>
#include <cstring>

#include "dlb/base/error.h"
#include "dlb/config/document.h"
#include "dlb/io/safetensors.h"
#include "dlb/ops/create.h"
#include "dlb/ops/view.h"
#include "dlb/train/nonfinite.h"
#include "dlb/train/updater.h"
#include "train/given.h"
#include "train/support.h"

using namespace dlb;
using namespace dlb::train;

namespace {

/// The batches of a reference file, one sample after the other.
std::shared_ptr<const data::Dataset> recorded(const Tensor& inputs, const Tensor& targets) {
  const auto flat = [](const Tensor& x) {
    Shape shape(x.shape().begin() + 1, x.shape().end());
    shape[0] *= x.dim(0);
    return reshape(x, shape);
  };
  return std::make_shared<GivenSamples>(
      std::vector<std::pair<std::string, Tensor>>{{"image", flat(inputs)}, {"label", flat(targets)}});
}

std::shared_ptr<const data::Dataset> noise(int64_t samples, uint64_t seed) {
  const RngKey key{seed, RngPurpose::kUser, 0, 0};
  std::vector<int64_t> targets;
  for (int64_t i = 0; i < samples; ++i) targets.push_back(i % 3);
  return recorded(normal({1, samples, 5}, 0, 1, key), Tensor::from(targets, {1, samples}));
}

constexpr const char* kSmall = R"(model: [linear: 8, tanh, linear: 8, relu, linear: 3]
loss: cross_entropy
optimizer: {sgd: {lr: 0.1, momentum: 0.9}}
)";

std::optional<UpdateResult> update_once(Updater&& updater, const std::shared_ptr<const data::Dataset>& set,
                                        int64_t batch) {
  Batches batches = batches_of(set, batch);
  return updater.update(batches, {}, false);
}
std::optional<UpdateResult> update_once(Updater& updater, const std::shared_ptr<const data::Dataset>& set,
                                        int64_t batch) {
  return update_once(std::move(updater), set, batch);
}

std::vector<double> weights(const Experiment& e) {
  std::vector<double> all;
  for (const nn::Variable& v : e.model->variables()) {
    const auto values = v.value.to_vector<double>();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

}  // namespace

TEST_CASE("20 steps give PyTorch's losses") {
  backend::cpu::install();
  for (const std::string name : {"mlp", "cnn", "resnet"}) {
    const std::string path = std::string(DLB_SOURCE_DIR) + "/tests/golden/train_" + name;
    const io::Safetensors file = io::read_safetensors(path + ".safetensors");
    const Tensor& inputs = *file.find("inputs");
    const auto set = recorded(inputs, *file.find("targets"));
    const int64_t batch = inputs.dim(1);
    const auto e = experiment_of(files::read_all(path + ".yaml"), set, batch);
    model::LoadOptions options;
    options.prefix = "init.";
    model::load_weights(*e->model, file, options);
    Updater updater(*e);
    Batches batches = batches_of(set, batch);
    const auto losses = file.find("losses")->to_vector<double>();
    for (size_t step = 0; step < losses.size(); ++step) {
      const auto result =
          updater.update(batches, {static_cast<int64_t>(step), static_cast<int64_t>(step)}, false);
      REQUIRE(result);
      INFO(name << " step " << step);
      CHECK(std::abs(result->loss - losses[step]) <= 1e-5);
    }
    CHECK_FALSE(updater.update(batches, {20, 20}, false));
  }
}

TEST_CASE("accumulated micro-batches equal one large batch, the short last window included") {
  backend::cpu::install();
  for (const std::string extra : {"", "weighted"}) {
    std::string text = kSmall;
    if (!extra.empty())
      text.replace(text.find("loss: cross_entropy"), 19, "loss: {cross_entropy: {weight: [1, 5, 0.2]}}");
    const auto set = noise(4 * 8 * 3 + 8 + 3, 5);  // three windows of 32, then one of 8 + 3
    const auto whole = experiment_of(text, set, 32);
    const auto parts = experiment_of(text, set, 8);
    for (Experiment* e : {whole.get(), parts.get()}) e->phases[0].clip_norm = 0.5;
    parts->train.accumulate = 4;
    Updater a(*whole), b(*parts);
    Batches large = batches_of(set, 32), small = batches_of(set, 8);
    int64_t windows = 0;
    for (;; ++windows) {
      const auto x = a.update(large, {windows, windows}, false);
      const auto y = b.update(small, {windows, windows * 4}, false);
      REQUIRE(x.has_value() == y.has_value());
      if (!x) break;
      CHECK(y->batches == (windows == 3 ? 2 : 4));
      CHECK(y->samples == x->samples);
      CHECK(y->loss == Approx(x->loss).epsilon(1e-6));
      CHECK(*y->grad_norm == Approx(*x->grad_norm).epsilon(1e-6));
    }
    CHECK(windows == 4);
    const auto expected = weights(*whole), actual = weights(*parts);
    double worst = 0;
    for (size_t i = 0; i < expected.size(); ++i) worst = std::max(worst, std::abs(actual[i] - expected[i]));
    CHECK(worst <= 1e-6);
  }
}

TEST_CASE("clipping by norm and by value limits the gradient of the mean") {
  backend::cpu::install();
  const auto set = noise(16, 7);
  const std::string text =
      std::string(kSmall).replace(std::string(kSmall).find("{lr: 0.1, momentum: 0.9}"), 24, "{lr: 1}");
  const auto change = [&](double norm, double value) {
    const auto e = experiment_of(text, set, 16);
    e->phases[0].clip_norm = norm;
    e->phases[0].clip_value = value;
    const auto before = weights(*e);
    update_once(Updater(*e), set, 16);
    auto after = weights(*e);
    for (size_t i = 0; i < after.size(); ++i) after[i] -= before[i];
    return after;
  };
  double square = 0, largest = 0;
  for (const double d : change(0.01, 0)) square += d * d;
  for (const double d : change(0, 0.002)) largest = std::max(largest, std::abs(d));
  CHECK(std::sqrt(square) == Approx(0.01).epsilon(1e-3));
  CHECK(largest == Approx(0.002).epsilon(1e-3));
}

TEST_CASE("a value that is not finite stops the update and names where it began") {
  backend::cpu::install();
  const auto set = noise(8, 9);
  const auto e = experiment_of(kSmall, set, 8);
  Updater updater(*e);
  const auto blame = [&] {
    const auto before = weights(*e);
    try {
      update_once(updater, set, 8);
    } catch (const Error& error) {
      CHECK(error.kind == ErrorKind::kNumeric);
      CHECK(exit_code(error.kind) == 1);
      CHECK(std::memcmp(weights(*e).data(), before.data(), before.size() * sizeof(double)) == 0);
      return error.where + ": " + error.message;
    }
    return std::string("no error");
  };
  const auto variable = [&](const std::string& name) {
    for (const nn::Variable& v : e->model->variables()) {
      if (v.name == name) return v.value.detach();
    }
    throw std::runtime_error(name);
  };
  SECTION("an overflow in a layer's output") {
    variable("linear_2.weight").assign(full({8, 8}, 3e38));
    CHECK_THAT(blame(), Catch::Contains("test.yaml:1") &&
                            Catch::Contains("layer 'linear_2' is the first that is not finite"));
  }
  SECTION("a parameter that is not finite") {
    variable("linear_3.bias").assign(full({3}, NAN));
    CHECK_THAT(blame(), Catch::Contains("'linear_3.bias' is not finite already"));
  }
  SECTION("continue goes on") {
    e->train.on_nan = "continue";
    variable("linear_2.weight").assign(full({8, 8}, 3e38));
    CHECK(update_once(updater, set, 8));
  }
}

TEST_CASE("all_finite sees a single value anywhere") {
  backend::cpu::install();
  for (const DType dtype : {DType::kFloat32, DType::kFloat64, DType::kBFloat16, DType::kFloat16}) {
    for (const int64_t n : {1, 7, 100'003}) {
      for (const double bad : {double{NAN}, double{INFINITY}, -double{INFINITY}}) {
        std::vector<float> values(static_cast<size_t>(n), 60000.0F);
        const auto make = [&] {
          const Tensor x = Tensor::empty({n}, dtype);
          x.assign(Tensor::from(values, {n}));
          return x;
        };
        CHECK(all_finite(make()));
        values.back() = static_cast<float>(bad);
        CHECK_FALSE(all_finite(make()));
      }
    }
  }
}

TEST_CASE("an allocation that fails at any point of an update is an error and nothing leaks") {
  backend::cpu::install();
  const auto set = noise(8, 11);
  const auto e = experiment_of(kSmall, set, 8);
  Updater updater(*e);
  const auto step = [&] { return update_once(updater, set, 8).has_value(); };
  REQUIRE(step());
  for (const optim::Param& p : updater.params()) p.value.set_grad({});
  const size_t live = cpu_allocator_stats().live_bytes;
  uint64_t failures = 0;
  for (uint64_t n = 1; n < 1000; ++n) {
    bool done = false;
    try {
      fail_cpu_allocation(n);
      done = step();
      fail_cpu_allocation(0);
    } catch (const Error& error) {
      fail_cpu_allocation(0);
      ++failures;
      CHECK(error.kind == ErrorKind::kDevice);
    }
    for (const optim::Param& p : updater.params()) p.value.set_grad({});
    CHECK(cpu_allocator_stats().live_bytes == live);
    if (done) break;
  }
  CHECK(failures > 10);
  CHECK(step());
}
