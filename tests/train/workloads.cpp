// The benchmark workloads give PyTorch's losses from the same weights and batches, which follow from a
// formula (tests/golden/make_workloads.py has it too).
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "dlb/backend/cpu/install.h"
#include "dlb/base/files.h"
#include "dlb/base/sanitizers.h"
#include "dlb/base/threads.h"
#include "dlb/train/updater.h"
#include "support/skip.h"
#include "train/given.h"

using namespace dlb;
using namespace dlb::train;

namespace {

constexpr int kSteps = 20;

/// Uniform in [0, 1): a hash of (key, index), the finalizer of SplitMix64.
double number(uint64_t key, uint64_t index) {
  uint64_t z = ((key << 40) + index) * 0x9E3779B97F4A7C15U;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1p-53;
}

enum class Kind { kUniform, kWhole, kBernoulli };

/// A column of a workload: values in the order of samples, each row-major.
struct Formula {
  const char* name;
  Shape shape;  // of a sample
  Kind kind;
  double bound = 0;  // of whole numbers: above all; of bernoulli: the probability
  bool joined = false;
};

struct Workload {
  std::vector<Formula> columns;
  size_t inputs;
  int64_t batch;
  bool repeats = false;  // the same sample in every step
};

const std::map<std::string, Workload>& workloads() {
  const auto images = [](int64_t batch, const Shape& shape) {
    return Workload{{{"image", shape, Kind::kUniform}, {"label", {}, Kind::kWhole, 10}}, 1, batch};
  };
  const auto text = [](int64_t batch, int64_t length) {
    return Workload{{{"tokens", {length}, Kind::kWhole, 65}, {"next", {length}, Kind::kWhole, 65}}, 1, batch};
  };
  static const std::map<std::string, Workload> all = {
      {"tiny", {{{"x", {2}, Kind::kUniform}, {"y", {1}, Kind::kUniform}}, 1, 4}},
      {"mlp", images(128, {1, 28, 28})},
      {"cnn", images(64, {1, 28, 28})},
      {"resnet20", images(128, {3, 32, 32})},
      {"vit", images(64, {3, 32, 32})},
      {"gpt", text(12, 64)},
      {"gpt-mid", text(8, 256)},
      {"lstm", text(32, 64)},
      {"gcn",
       {{{"x", {2708, 1433}, Kind::kBernoulli, 0.0127, true},
         {"edges", {10556, 2}, Kind::kWhole, 2708, true},
         {"label", {2708}, Kind::kWhole, 7, true}},
        2,
        1,
        true}},
      {"dlrm",
       {{{"dense", {13}, Kind::kUniform},
         {"items", {26}, Kind::kWhole, 100000},
         {"click", {}, Kind::kBernoulli, 0.5}},
        2,
        2048}},
  };
  return all;
}

class FormulaSamples final : public data::Dataset {
 public:
  explicit FormulaSamples(const Workload& w) : w_(w) {
    spec_.inputs = w.inputs;
    spec_.classes = 10;
    for (const Formula& f : w.columns) {
      data::Column column;
      column.name = f.name;
      const DType dtype = f.kind == Kind::kWhole ? DType::kInt64 : DType::kFloat32;
      column.spec = f.shape.size() == 3 ? data::image_spec(f.shape[0], f.shape[1], f.shape[2], dtype)
                                        : make_spec(f.shape, dtype);
      if (f.joined) column.collate = data::Collate::kJoin;
      if (std::string(f.name) == "edges") column.rows_of = 0;
      if (std::string(f.name) == "label" && f.joined) spec_.classes = 7;
      spec_.columns.push_back(std::move(column));
    }
  }
  int64_t size() const override { return w_.batch * kSteps; }
  const data::SampleSpec& spec() const override { return spec_; }
  void lengths(int64_t /*index*/, int64_t* out) const override {
    for (const Formula& f : w_.columns) {
      if (f.joined) *out++ = f.shape[0];
    }
  }
  void read(int64_t index, void* const* columns) const override {
    for (size_t c = 0; c < w_.columns.size(); ++c) {
      const Formula& f = w_.columns[c];
      const int64_t count = numel(f.shape);
      const int64_t channels = f.shape.size() == 3 ? f.shape[0] : 1, pixels = count / channels;
      const int64_t first = w_.repeats ? 0 : index * count;
      for (int64_t i = 0; i < count; ++i) {
        const double u = number(1000 + c, static_cast<uint64_t>(first + i));
        const int64_t at = i % pixels * channels + i / pixels;
        if (f.kind == Kind::kWhole) {
          static_cast<int64_t*>(columns[c])[at] = static_cast<int64_t>(u * f.bound);
        } else {
          static_cast<float*>(columns[c])[at] = f.kind == Kind::kUniform
                                                    ? static_cast<float>((2 * u - 1) * std::sqrt(3.0))
                                                : u < f.bound ? 1
                                                              : 0;
        }
      }
    }
  }

 private:
  const Workload& w_;
  data::SampleSpec spec_;
};

/// The config without its data and without dropout, whose random numbers differ from PyTorch's.
std::string config_of(const std::string& name) {
  std::istringstream in(files::read_all(std::string(DLB_SOURCE_DIR) + "/configs/bench/" + name + ".yaml"));
  std::string text;
  bool in_data = false;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line[0] != ' ' && line[0] != '#') in_data = line.starts_with("data:");
    if (in_data) continue;
    if (const size_t at = line.find("dropout: 0."); at != std::string::npos)
      line = line.substr(0, at) + "dropout: 0";
    if (const size_t at = line.find("p: 0.5}"); at != std::string::npos) line = line.substr(0, at) + "p: 0}";
    // At its own learning rate, differences of a few roundings grow to 0.02: see make_workloads.py.
    if (const size_t at = line.find("lr: 0.1"); at != std::string::npos && name == "resnet20")
      line = line.substr(0, at) + "lr: 0.01" + line.substr(at + 7);
    text += line + "\n";
  }
  return text;
}

/// `matrices` is a factor of weights of rank 2.
void fill(const Experiment& e, double matrices) {
  uint64_t key = 0;
  for (const nn::Variable& v : e.model->variables()) {
    if (v.buffer) continue;
    const Shape& shape = v.value.shape();
    const bool norm = v.name.find("norm") != std::string::npos && v.name.ends_with("weight");
    const double bound = shape.size() > 1 ? std::sqrt(3.0 / static_cast<double>(v.value.numel() / shape[0])) *
                                                (shape.size() == 2 ? matrices : 1.0)
                                          : 0.1;
    std::vector<float> values(static_cast<size_t>(v.value.numel()));
    for (size_t i = 0; i < values.size(); ++i) {
      const double u = (2 * number(key, i) - 1) * bound;
      values[i] = static_cast<float>(shape.size() == 1 && norm ? 1.0 + u : u);
    }
    v.value.assign(Tensor::from(values, shape));
    ++key;
  }
}

void compare(const std::string& name) {
  INFO(name);
  backend::cpu::install();
  const Workload& w = workloads().at(name);
  const auto file =
      nlohmann::json::parse(files::read_all(std::string(DLB_SOURCE_DIR) + "/tests/golden/workloads.json"));
  const auto expected = file.at(name).get<std::vector<double>>();
  const auto set = std::make_shared<FormulaSamples>(w);
  const auto e = experiment_of(config_of(name), set, w.batch);
  fill(*e, name == "resnet20" ? 0.1 : 1.0);
  Updater updater(*e);
  Batches batches = batches_of(set, w.batch);
  REQUIRE(expected.size() == kSteps);
  for (int64_t step = 0; step < kSteps; ++step) {
    const auto result = updater.update(batches, {step, step}, false);
    REQUIRE(result);
    INFO("step " << step);
    CHECK(std::abs(result->loss - expected[static_cast<size_t>(step)]) <= 1e-4);
  }
}

#if defined(DLB_ADDRESS_SANITIZER) || defined(DLB_THREAD_SANITIZER) || !defined(NDEBUG)
constexpr bool kSlow = true;
#else
constexpr bool kSlow = false;
#endif

}  // namespace

TEST_CASE("tiny gives PyTorch's losses") { compare("tiny"); }

TEST_CASE("the benchmark workloads give PyTorch's losses") {
  if (kSlow) DLB_SKIP("takes minutes in a build that is not optimised");
  for (const auto& [name, workload] : workloads()) compare(name);
}
