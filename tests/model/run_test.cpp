// What a built model computes, what memory it keeps, and where it says things happened.

#include <catch2/catch.hpp>

#include "dlb/autograd/autograd.h"
#include "dlb/model/cost_observer.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/conv.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"
#include "model/support.h"

using namespace dlb;
using namespace dlb::model;

namespace {

const bool kInstalled = [] {
  backend::cpu::install();
  return true;
}();

Tensor random(Shape shape, uint32_t index = 0) {
  return normal(std::move(shape), 0, 1, {1, RngPurpose::kUser, 0, index});
}

std::unique_ptr<Model> ready(const std::string& yaml, Shape shape) {
  REQUIRE(kInstalled);
  auto model = build(yaml, std::move(shape));
  model->materialize(7);
  return model;
}

Tensor variable(Model& model, const std::string& name) {
  for (const nn::Variable& v : model.variables()) {
    if (v.name == name) return v.value;
  }
  FAIL("no variable " << name);
  return {};
}

void check_close(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  const auto x = a.to_vector<double>();
  const auto y = b.to_vector<double>();
  for (size_t i = 0; i < x.size(); ++i) REQUIRE(x[i] == Approx(y[i]).margin(1e-5));
}

}  // namespace

TEST_CASE("a model computes what its layers written out compute") {
  auto m = ready(
      "model: [linear: 8, relu, residual: [linear: 8, tanh], parallel: {branches: [[linear: 8], [sigmoid]], "
      "merge: mul}]",
      {4, 3});
  const Tensor x = random({4, 3});
  nn::Context context;
  const NoGrad no_grad;
  auto layer = [&](const std::string& name, const Tensor& in) {
    return linear(in, variable(*m, name + ".weight"), variable(*m, name + ".bias"));
  };
  Tensor h = relu(layer("linear_1", x));
  h = h + tanh(layer("residual_1.body.linear_1", h));
  h = layer("parallel_1.branch_1.linear_1", h) * sigmoid(h);
  check_close(m->forward(context, x), h);
}

TEST_CASE("values by name reach later layers, the same one twice too") {
  auto m = ready(
      "model: [{linear: 3, as: a}, relu: {as: b}, add: {in: [a, a], as: c}, concat: {in: [b, c, input, b]}]",
      {4, 3});
  const Tensor x = random({4, 3});
  nn::Context context;
  const NoGrad no_grad;
  const Tensor a = linear(x, variable(*m, "linear_1.weight"), variable(*m, "linear_1.bias"));
  check_close(m->forward(context, x), cat({relu(a), a + a, x, relu(a)}, 1));
}

TEST_CASE("several inputs and outputs") {
  REQUIRE(kInstalled);
  Built built = try_build(R"(
model:
  inputs: {x: float, y: float}
  steps: [{mul: {in: [x, y], as: p}}, {add: {in: [p, y], as: s}}]
  outputs: [s, p, x]
)",
                          std::vector<NamedSpec>{{"x", batch_spec({4, 3})}, {"y", batch_spec({4, 3})}});
  REQUIRE(built.model);
  const std::vector<Tensor> inputs = {random({4, 3}, 0), random({4, 3}, 1)};
  nn::Context context;
  const Outputs out = built.model->forward(context, inputs);
  REQUIRE(out.size() == 3);
  check_close(out[0], inputs[0] * inputs[1] + inputs[1]);
  check_close(out[1], inputs[0] * inputs[1]);
  CHECK(same(out[2], inputs[0]));
}

TEST_CASE("a relu fused into the convolution gives the same values and gradients") {
  const char* fused_text =
      "model: [{conv2d: {out: 4, kernel: 3}}, relu, {conv2d: {out: 2, kernel: 3}}, relu]";
  // Naming an output that is read once more keeps the layers apart.
  const char* apart_text =
      "model: [{conv2d: {out: 4, kernel: 3, as: a}}, relu, {conv2d: {out: 2, kernel: 3, as: b}}, {relu: {as: "
      "y}}, {add: {in: [b, b]}}, "
      "{linear: {in: a, out: 1}}, {relu: {in: y}}]";
  auto fused = ready(fused_text, {2, 3, 8, 8});
  auto apart = ready(apart_text, {2, 3, 8, 8});
  CHECK(fused->report()[1].fused);
  CHECK(fused->report()[3].fused);
  CHECK_FALSE(apart->report()[1].fused);
  CHECK_FALSE(apart->report()[3].fused);
  TensorSpec spec = batch_spec({2, 3, 8, 8});
  const Tensor x = contiguous(random({2, 3, 8, 8}), Layout::kChannelsLast);
  nn::Context context;
  const Tensor y = fused->forward(context, x);
  const Tensor z = apart->forward(context, x);
  check_close(y, z);
  backward(sum(y));
  backward(sum(z));
  for (const char* name : {"conv2d_1.weight", "conv2d_2.bias"})
    check_close(variable(*fused, name).grad(), variable(*apart, name).grad());
}

TEST_CASE("the work of a recurrent layer behind a table is what is done") {
  const std::vector<NamedSpec> inputs = {{"x", batch_spec({2, 5}, DType::kInt64)}};
  const auto model_of = [&](const std::string& steps) {
    Built built = try_build("model: [" + steps + "]", inputs);
    INFO(built.errors);
    REQUIRE(built.model);
    built.model->materialize(7);
    return std::move(built.model);
  };
  // Each row of a table of few is multiplied once, of one of many each input. What reads the embedding too
  // keeps the layers apart: each input again.
  for (const int rows : {3, 40}) {
    for (const bool apart : {false, true}) {
      const auto model =
          model_of(fmt::format("{{embedding: {{count: {}, dim: 8{}}}}}, {{gru: 4}}{}", rows,
                               apart ? ", as: e" : "", apart ? ", {linear: {in: e, out: 1}}" : ""));
      double flops = 0;
      size_t bytes = 0;
      for (const LayerReport& row : model->report()) {
        flops += row.flops;
        bytes += row.activation_bytes;
      }
      CHECK(model->report()[1].fused == !apart);
      const CostObserver cost;
      nn::Context context;
      model->forward(context, Tensor::from<int64_t>({0, 2, 1, 1, 0, 2, 2, 1, 0, 0}, {2, 5}));
      CHECK(flops == cost.flops);
      CHECK(bytes == cost.bytes);
    }
  }
  const auto flops_of = [&](const std::string& steps) {
    double flops = 0;
    const auto model = model_of(steps);
    for (const LayerReport& row : model->report()) flops += row.fused ? row.flops : 0;
    return flops;
  };
  const std::string few = "{embedding: {count: 3, dim: 8}}, {gru: 4}";
  CHECK(flops_of(few) > 0);
  CHECK(flops_of(few) < flops_of("{embedding: {count: 40, dim: 8}}, {gru: 4}"));
  CHECK(flops_of("{loop: {max: 3, body: [" + few + ", {eval: 'argmax(it, -1)'}]}}") == 3 * flops_of(few));
}

TEST_CASE("a recurrent layer behind a table of few rows gives the same values and gradients") {
  const Tensor x = Tensor::from<int64_t>({0, 2, 1, 1, 0, 2, 2, 1, 0, 0}, {2, 5});
  const std::vector<NamedSpec> inputs = {{"x", batch_spec({2, 5}, DType::kInt64)}};
  for (const std::string layer : {"rnn", "gru", "lstm"}) {
    INFO(layer);
    const auto model = [&](const std::string& embedding, const std::string& more) {
      Built built =
          try_build(fmt::format("model: [{{embedding: {{{}}}}}, {{{}: {{size: 5, layers: 2, as: y}}}}{}]",
                                embedding, layer, more),
                    inputs);
      REQUIRE(built.model);
      built.model->materialize(7);
      return std::move(built.model);
    };
    const auto fused = model("count: 3, dim: 4", "");
    // Named and read twice, the rows are needed themselves.
    const auto apart = model("count: 3, dim: 4, as: rows", ", {linear: {in: rows, out: 1}}, {relu: {in: y}}");
    CHECK(fused->report()[1].fused);
    CHECK_FALSE(apart->report()[1].fused);
    CHECK_FALSE(model("count: 3, dim: 4, padding_idx: 0", "")->report()[1].fused);
    CHECK_FALSE(model("count: 3, dim: 4, sparse: true", "")->report()[1].fused);
    CHECK_FALSE(model("count: 3, dim: 4, max_norm: 1", "")->report()[1].fused);
    CHECK_FALSE(model("count: 3, dim: 4, scale_grad_by_freq: true", "")->report()[1].fused);
    nn::Context context;
    std::vector<std::string> names;
    fused->set_layer_hook(
        [&](const std::string& name, const std::string&, const Outputs&) { names.push_back(name); });
    const Tensor y = relu(fused->forward(context, x));
    CHECK(names == std::vector<std::string>{"embedding_1 + " + layer + "_1"});
    fused->set_layer_hook({});
    const Tensor z = apart->forward(context, x);
    check_close(y, z);
    backward(sum(y));
    backward(sum(z));
    for (const std::string& name :
         {std::string("embedding_1.weight"), layer + "_1.weight_ih_l0", layer + "_1.bias_ih_l0"}) {
      check_close(variable(*fused, name).grad(), variable(*apart, name).grad());
    }
  }
}

TEST_CASE("values are freed after their last use") {
  std::string yaml = "model: [{linear: {out: 1024, bias: false}}, {repeat: {times: 20, body: [tanh]}}]";
  auto m = ready(yaml, {1024, 8});
  const Tensor x = random({1024, 8});
  nn::Context context;
  const NoGrad no_grad;
  const size_t before = cpu_allocator_stats().live_bytes;
  reset_cpu_allocator_peak();
  const Tensor y = m->forward(context, x);
  const size_t activation = size_t{1024} * 1024 * 4;
  CHECK(cpu_allocator_stats().peak_bytes - before <
        activation * 5 / 2);  // a layer's input and output, no more
  CHECK(cpu_allocator_stats().live_bytes - before < activation * 3 / 2);
}

TEST_CASE("initial values follow from the seed and the number of the variable") {
  auto a = ready("model: [linear: 4, linear: 4]", {2, 4});
  auto b = ready("model: [linear: 4, linear: 4]", {2, 4});
  for (size_t i = 0; i < 4; ++i)
    CHECK(a->variables()[i].value.to_vector<float>() == b->variables()[i].value.to_vector<float>());
  CHECK(a->variables()[0].value.to_vector<float>() != a->variables()[2].value.to_vector<float>());
  b->materialize(8);
  CHECK(a->variables()[0].value.to_vector<float>() != b->variables()[0].value.to_vector<float>());
  CHECK(a->variables()[0].value.requires_grad());
}

TEST_CASE("the hook sees every layer's outputs with name and place") {
  auto m = ready("model:\n  - linear: 4\n  - relu\n  - residual:\n      - linear: 4\n", {2, 4});
  std::vector<std::string> seen;
  m->set_layer_hook([&](const std::string& name, const std::string& where, const Outputs& outputs) {
    seen.push_back(name + " " + where + " " + shape_text(outputs[0].shape()));
  });
  nn::Context context;
  const Tensor x = random({2, 4});
  m->forward(context, x);
  CHECK(seen == std::vector<std::string>{"linear_1 x.yaml:2 [2, 4]", "relu_1 x.yaml:3 [2, 4]",
                                         "residual_1.body.linear_1 x.yaml:5 [2, 4]",
                                         "residual_1 x.yaml:4 [2, 4]"});
  m->set_layer_hook({});
  m->forward(context, x);
  CHECK(seen.size() == 4);
}

TEST_CASE("an error while running names the layer's place and the blocks around it") {
  auto m = ready("blocks: {b: {steps: [residual: [linear: 4]]}}\nmodel:\n  - relu\n  - use: b\n", {2, 4});
  nn::Context context;
  try {
    m->forward(context, random({2, 5}));
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.kind == ErrorKind::kShape);
    CHECK(e.where == "x.yaml:1:33");
    CHECK(e.context ==
          std::vector<std::string>{"in blocks.b.steps[0].residual[0]", "in block b used at x.yaml:4"});
  }
}

TEST_CASE("batch_norm's statistics move only while training, building does not touch them") {
  auto m = ready("model: [batch_norm]", {4, 3});
  CHECK(variable(*m, "batch_norm_1.running_mean").to_vector<float>() == std::vector<float>{0, 0, 0});
  nn::Context context;
  const Tensor x = full({4, 3}, 2.0) + random({4, 3});
  m->forward(context, x);
  CHECK(variable(*m, "batch_norm_1.running_mean").to_vector<float>() == std::vector<float>{0, 0, 0});
  context.training = true;
  m->forward(context, x);
  CHECK(variable(*m, "batch_norm_1.running_mean").to_vector<float>()[0] > 0.05F);
}
