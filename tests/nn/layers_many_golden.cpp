// Layers with several inputs or outputs against PyTorch: outputs, gradients of inputs and parameters.
#include <catch2/catch.hpp>

#include "dlb/autograd/autograd.h"
#include "dlb/backend/cpu/install.h"
#include "dlb/nn/layer.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/reduce.h"
#include "support/golden.h"

using namespace dlb;

namespace {

struct Tolerance {
  double rtol, atol;
};

void check_case(const golden::Json& c, DType dtype, Tolerance tolerance) {
  INFO(c["layer"].dump() << " " << dtype_name(dtype));
  const auto layer = golden::make(c["layer"], nn::layer_types());
  std::vector<Tensor> inputs;
  std::vector<TensorSpec> specs;
  for (const auto& packed : c["inputs"]) {
    Tensor x = packed.is_null() ? Tensor{} : golden::tensor(packed, dtype);
    specs.push_back(packed.is_null() ? TensorSpec{} : make_spec(x.shape(), x.dtype(), kMeta));
    if (x.defined() && is_floating(x.dtype())) x.set_requires_grad(true);
    inputs.push_back(std::move(x));
  }
  nn::Build build(specs, dtype);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined()) build.leave_out(i);
  }
  // What the layer refuses is told before the names that a step may give it.
  const size_t names = layer->input_names().size();
  REQUIRE((names == 0 || inputs.size() <= names));
  while (inputs.size() < names) {
    build.leave_out(inputs.size());
    inputs.emplace_back();
  }
  layer->build(build);

  REQUIRE(build.variables().size() == c["variables"].size());
  for (const nn::Variable& v : build.variables()) {
    INFO(v.name);
    REQUIRE(c["variables"].contains(v.name));
    const Tensor given = golden::tensor(c["variables"][v.name], dtype);
    REQUIRE(given.shape() == v.value.shape());
    v.value.swap_data(given);
  }
  std::vector<Tensor> metas;
  for (const Tensor& x : inputs) {
    metas.push_back(x.defined() ? Tensor::empty(x.shape(), x.dtype(), kMeta) : Tensor{});
  }
  nn::Context context;
  context.training = c["training"];
  const Outputs shapes = layer->run(context, metas);
  const Outputs ys = layer->run(context, inputs);
  REQUIRE(ys.size() == c["outputs"].size());
  Tensor total;
  for (size_t i = 0; i < ys.size(); ++i) {
    INFO("output " << i);
    CHECK(shapes[i].shape() == ys[i].shape());
    CHECK(shapes[i].dtype() == ys[i].dtype());
    CHECK(golden::difference(ys[i], c["outputs"][i], tolerance.rtol, tolerance.atol) == "");
    if (c["output_grads"][i].is_null()) continue;
    const Tensor part = sum(mul(ys[i], golden::tensor(c["output_grads"][i], dtype)));
    total = total.defined() ? add(total, part) : part;
  }
  if (!total.defined()) return;
  backward(total);
  for (size_t i = 0; i < c["inputs"].size(); ++i) {
    if (c["input_grads"][i].is_null()) continue;
    INFO("input " << i);
    REQUIRE(inputs[i].grad().defined());
    CHECK(golden::difference(inputs[i].grad(), c["input_grads"][i], tolerance.rtol, tolerance.atol) == "");
  }
  for (const nn::Variable& v : build.variables()) {
    INFO(v.name);
    REQUIRE(v.value.grad().defined());
    CHECK(golden::difference(v.value.grad(), c["grads"][v.name], tolerance.rtol, tolerance.atol) == "");
  }
}

void check_file(const std::string& name) {
  backend::cpu::install();
  const golden::Json document = golden::load(name);
  REQUIRE_FALSE(document["cases"].empty());
  for (const auto& c : document["cases"]) {
    check_case(c, DType::kFloat64, {1e-8, 1e-9});
    check_case(c, DType::kFloat32, {1e-4, 3e-5});
  }
}

}  // namespace

TEST_CASE("layers of sequences agree with PyTorch") { check_file("layers_sequence.json"); }
TEST_CASE("layers of graphs agree with PyTorch") { check_file("layers_graph.json"); }
TEST_CASE("layers of pairs of inputs agree with PyTorch") { check_file("layers_pairs.json"); }
TEST_CASE("layers of images and sound agree with PyTorch") { check_file("layers_space.json"); }
TEST_CASE("layers that pick and join agree with PyTorch") { check_file("layers_parts.json"); }
