#include <catch2/catch.hpp>

#include "dlb/backend/cpu/install.h"
#include "dlb/deploy/preprocessing.h"
#include "dlb/graph/session.h"
#include "dlb/train/batches.h"
#include "support/temp_folder.h"

using namespace dlb;

namespace {

/// Bytes that differ where a graph, and where the data pipeline, makes these transforms.
int64_t differing(const std::string& source, const std::string& transforms) {
  const test::TempFolder temp;
  temp.write("c.yaml", fmt::format("data: {{source: {}, batch: 8, transforms: {}}}\n"
                                   "model: [flatten, linear: 4]\nloss: cross_entropy\noptimizer: sgd\n"
                                   "train: {{steps: 1}}\n",
                                   source, transforms));
  const auto experiment = train::Experiment::load(temp / "c.yaml", {});
  const deploy::Preprocessing preprocessing(*experiment);
  graph::Model model;
  model.opsets = {{"", 17}};
  graph::Declared input;
  input.name = "x";
  input.element = graph::Element::kFloat32;
  input.shape = std::vector<graph::Dim>{{std::nullopt, "batch"}};
  model.graph.inputs = {input};
  graph::Node node;
  node.op = "Identity";
  node.inputs = {"x"};
  node.outputs = {"y"};
  model.graph.nodes = {node};
  model.graph.outputs = {graph::Declared{}};
  model.graph.outputs[0].name = "y";
  preprocessing.prepend(model);
  const graph::Session session(std::move(model));

  experiment->data->open();
  train::Batches batches(*experiment, "test", false);
  batches.start(0);
  const auto raw = experiment->data->raw_loader("test", experiment->seed);
  raw->start(0);
  int64_t wrong = 0;
  while (const std::optional<data::Batch> batch = batches.next()) {
    const Tensor given = preprocessing.inputs_of(raw->next().value())[0];
    const std::vector<float> found = session.run({{"x", graph::Value(given)}})[0].tensor.to_vector<float>();
    const std::vector<float> expected = experiment->inputs_of(*batch)[0].to_vector<float>();
    REQUIRE(found.size() == expected.size());
    for (size_t i = 0; i < found.size(); ++i) wrong += found[i] != expected[i] ? 1 : 0;
  }
  return wrong;
}

}  // namespace

TEST_CASE("bytes resized in a graph are those of the data pipeline, those half way between two included") {
  backend::cpu::install();
  uint32_t state = 7;
  const auto random = [&](int64_t low, int64_t high) {
    state = state * 1664525 + 1013904223;
    return low + static_cast<int64_t>(state >> 8) % (high - low);
  };
  for (int i = 0; i < 40; ++i) {
    const int64_t h = random(4, 40), w = random(4, 40), to_h = random(4, 40), to_w = random(4, 40);
    const std::string transforms =
        fmt::format("[resize: {{size: [{}, {}], interpolation: {}, antialias: {}}}, to_float]", to_h, to_w,
                    i % 3 == 2 ? "bicubic" : "bilinear", i % 2 == 0);
    INFO(h << " x " << w << " " << transforms);
    const std::string source = fmt::format(
        "{{synthetic: {{shape: [3, {}, {}], classes: 4, samples: 8, test_samples: 16, dtype: uint8}}}}", h,
        w);
    CHECK(differing(source, transforms) == 0);
  }
}
