// Every layer against PyTorch: output, gradients of input and parameters, running statistics.
#include <catch2/catch.hpp>
#include <set>

#include "dlb/autograd/autograd.h"
#include "dlb/backend/cpu/install.h"
#include "dlb/nn/layer.h"
#include "support/golden.h"

using namespace dlb;

namespace {

void check_case(const golden::Json& c, DType dtype, double rtol, double atol) {
  INFO(c["layer"].dump() << (c["training"] ? " training " : " inference ") << dtype_name(dtype));
  const auto layer = golden::make(c["layer"], nn::layer_types());
  Tensor x = golden::tensor(c["input"], dtype);
  x.set_requires_grad(true);
  nn::Build build({make_spec(x.shape(), dtype, kMeta)}, dtype);
  layer->build(build);

  REQUIRE(build.variables().size() == c["variables"].size());
  for (const nn::Variable& v : build.variables()) {
    INFO(v.name);
    REQUIRE(c["variables"].contains(v.name));
    REQUIRE(v.value.is_meta());
    const Tensor given = golden::tensor(c["variables"][v.name], dtype);
    REQUIRE(given.shape() == v.value.shape());
    v.value.swap_data(given);
  }
  nn::Context context;
  context.training = c["training"];
  const Tensor y = layer->run(context, Inputs(&x, 1))[0];
  CHECK(golden::difference(y, c["output"], rtol, atol) == "");
  backward(y, golden::tensor(c["output_grad"], dtype));
  CHECK(golden::difference(x.grad(), c["input_grad"], rtol, atol) == "");
  for (const nn::Variable& v : build.variables()) {
    INFO(v.name);
    if (v.buffer) {
      CHECK_FALSE(v.value.requires_grad());
      CHECK(golden::difference(v.value, c["buffers"][v.name], rtol, atol) == "");
    } else {
      CHECK(golden::difference(v.value.grad(), c["grads"][v.name], rtol, atol) == "");
    }
  }
}

}  // namespace

TEST_CASE("layers agree with PyTorch in float64") {
  backend::cpu::install();
  const golden::Json document = golden::load("layers.json");
  REQUIRE(document["cases"].size() > 60);
  for (const auto& c : document["cases"]) check_case(c, DType::kFloat64, 1e-9, 1e-10);
}

TEST_CASE("layers agree with PyTorch in float32") {
  backend::cpu::install();
  const golden::Json document = golden::load("layers.json");
  REQUIRE(document["cases"].size() > 60);
  for (const auto& c : document["cases"]) check_case(c, DType::kFloat32, 2e-5, 1e-5);
}

TEST_CASE("every layer has a reference, or a test of its own") {
  // Layers of random numbers are in layers_random.cpp.
  std::set<std::string> seen = {"add",
                                "mul",
                                "concat",
                                "parameter",
                                "random_normal",
                                "random_uniform",
                                "gumbel_softmax",
                                "fractional_max_pool2d",
                                "fractional_max_pool3d"};
  for (const char* file : {"layers.json", "layers_sequence.json", "layers_graph.json", "layers_pairs.json",
                           "layers_space.json", "layers_parts.json"}) {
    const golden::Json document = golden::load(file);
    for (const auto& c : document["cases"]) seen.insert(c["layer"].begin().key());
  }
  for (const auto& type : nn::layer_types()) {
    INFO(type.name);
    CHECK(seen.count(type.name) == 1);
  }
}
