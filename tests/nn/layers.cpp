// Layers: what build declares and refuses, several inputs, fusion, dropout, initial values.
#include <catch2/catch.hpp>
#include <cmath>

#include "dlb/autograd/autograd.h"
#include "dlb/backend/cpu/install.h"
#include "dlb/nn/init.h"
#include "dlb/nn/layer.h"
#include "dlb/ops/create.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/unary.h"
#include "support/golden.h"

using namespace dlb;

namespace {

std::unique_ptr<nn::Layer> make(const std::string& text) {
  return golden::make(golden::Json::parse(text), nn::layer_types());
}

nn::Build build(nn::Layer& layer, Shape shape) {
  nn::Build b({make_spec(std::move(shape), DType::kFloat32, kMeta)});
  layer.build(b);
  return b;
}

std::string build_error(const std::string& text, Shape shape) {
  try {
    const auto layer = make(text);
    build(*layer, std::move(shape));
  } catch (const Error& e) {
    return std::string(kind_name(e.kind)) + ": " + e.message;
  }
  return "no error";
}

void fill(const nn::Build& b) {
  uint32_t index = 0;
  for (const nn::Variable& v : const_cast<nn::Build&>(b).variables()) {
    v.value.swap_data(v.init(v.value.shape(), v.value.dtype(), {7, RngPurpose::kInit, 0, index++}));
  }
}

}  // namespace

TEST_CASE("a lone scalar sets the main option") {
  const auto names = [](const char* type) {
    return find_type(nn::layer_types(), type)->fields().front().name;
  };
  CHECK(names("linear") == "out");
  CHECK(names("conv2d") == "out");
  CHECK(names("max_pool2d") == "kernel");
  CHECK(names("dropout") == "p");
  CHECK(names("adaptive_avg_pool2d") == "output");
  CHECK(names("group_norm") == "groups");
  CHECK(names("softmax") == "dim");
}

TEST_CASE("no field takes the name of a step's modifier") {
  for (const auto& type : nn::layer_types()) {
    for (const Field& f : type.fields()) {
      INFO(type.name);
      CHECK((f.name != "in" && f.name != "as" && f.name != "id"));
      CHECK_FALSE(f.doc.empty());
    }
    CHECK_FALSE(type.doc.empty());
  }
}

TEST_CASE("layers refuse inputs of the wrong form") {
  const std::string conv = R"({"conv2d": {"out": 4, "kernel": 3}})";
  CHECK(build_error(conv, {32, 10}) == "shape: conv2d expects input [N, C, H, W], got [32, 10]");
  CHECK(build_error(R"({"conv1d": {"out": 4, "kernel": 3}})", {2, 3, 4, 5}) ==
        "shape: conv1d expects input [N, C, L], got [2, 3, 4, 5]");
  CHECK(build_error(R"({"conv2d": {"out": 4, "kernel": 3, "groups": 3}})", {2, 4, 5, 5}) ==
        "shape: conv2d with groups 3 needs input and output channels divisible by it, got 4 and 4");
  CHECK(build_error(R"({"max_pool2d": 2})", {2, 3}) ==
        "shape: max_pool2d expects input [N, C, H, W], got [2, 3]");
  CHECK(build_error(R"({"max_pool2d": {"kernel": 2, "padding": 2}})", {2, 3, 8, 8}) ==
        "config: max_pool2d.padding must be at most half the kernel, got padding 2 with kernel 2");
  CHECK(build_error(R"({"batch_norm": {}})", {5}) == "shape: batch_norm expects input [N, C, ...], got [5]");
  CHECK(build_error(R"({"layer_norm": {"dims": 3}})", {2, 5}) ==
        "shape: layer_norm over the last 3 dimensions got input [2, 5]");
  CHECK(build_error(R"({"group_norm": 3})", {2, 4, 5}) ==
        "shape: group_norm with groups 3 needs channels divisible by it, got 4");
  CHECK(build_error(R"({"permute": [0, 1, 1]})", {2, 4, 5}) ==
        "config: permute.order must name each dimension from 0 once, got [0, 1, 1]");
  CHECK(build_error(R"({"permute": [0, 2, 1]})", {2, 4}) ==
        "shape: permute of 3 dimensions got input [2, 4]");
  CHECK(build_error(R"({"squeeze": 1})", {2, 4}) ==
        "shape: squeeze of dimension 1 needs size 1 there, got input [2, 4]");
  CHECK(build_error(R"({"hardtanh": {"min": 2, "max": 1}})", {2}) ==
        "config: hardtanh needs min below max, got 2 and 1");
  CHECK_THAT(build_error(R"({"softmax": 2})", {2, 4}), Catch::StartsWith("shape: "));
}

TEST_CASE("padding is numbers or a word") {
  const auto error = [](const std::string& padding, int stride = 1) {
    return build_error(R"({"conv2d": {"out": 4, "kernel": 3, "stride": )" + std::to_string(stride) +
                           R"(, "padding": )" + padding + "}}",
                       {2, 3, 8, 8});
  };
  CHECK(error("[1, 2]") == "no error");
  CHECK(error("\"valid\"", 2) == "no error");
  CHECK(error("\"same\"", 2) == "config: padding `same` needs stride 1");
  CHECK(error("\"full\"") == "config: padding takes whole numbers, `same` or `valid`, got 'full'");
  CHECK(error("-1") == "config: padding must be at least 0, got -1");
  CHECK(error("1.5") == "config: padding takes whole numbers, `same` or `valid`, got 1.5");
  CHECK(error("[1, 2, 3]") == "config: padding takes 1 or 2 numbers, got 3");
}

TEST_CASE("padding may be an expression") {
  const auto document =
      config::Document::parse("it: {conv2d: {out: 4, kernel: 5, padding: [$(k // 2), $k]}}", "t.yaml");
  ErrorList errors;
  config::Scope scope;
  scope.set("k", config::Node::integer(5));
  config::Reader reader(errors, scope);
  const auto layer = reader.make(*document.root().find("it"), nn::layer_types(), "layer");
  REQUIRE(errors.empty());
  build(*layer, {2, 3, 8, 8});
  nn::Context c;
  CHECK(layer->forward(c, Tensor::empty({2, 3, 8, 8}, DType::kFloat32, kMeta)).shape() == Shape{2, 4, 8, 14});
}

TEST_CASE("reshape gives each sample another shape") {
  const auto forward = [](const char* text, Shape shape) {
    const auto layer = make(text);
    nn::Context c;
    return layer->forward(c, Tensor::empty(std::move(shape), DType::kFloat32, kMeta)).shape();
  };
  CHECK(forward(R"({"reshape": [1, 8, -1]})", {5, 64}) == Shape{5, 1, 8, 8});
  CHECK(forward(R"({"reshape": [1, 8, -1]})", {0, 64}) == Shape{0, 1, 8, 8});
  CHECK_THROWS_WITH(forward(R"({"reshape": [7, -1]})", {5, 64}),
                    Catch::Contains("reshape to [7, -1] per sample got input [5, 64]"));
  CHECK_THROWS_WITH(forward(R"({"reshape": [7]})", {5, 8}),
                    Catch::Contains("reshape to [7] per sample got input [5, 8]"));
  CHECK(build_error(R"({"reshape": [-1, -1]})", {5, 8}) ==
        "config: reshape.shape may hold one -1, got [-1, -1]");
}

TEST_CASE("layers of several inputs") {
  backend::cpu::install();
  const std::vector<Tensor> inputs = {full({2, 3}, 2), full({2, 3}, 5), full({2, 3}, 7)};
  nn::Context c;
  CHECK(make(R"({"add": {}})")->run(c, inputs)[0].to_vector<float>() == std::vector<float>(6, 14.0F));
  CHECK(make(R"({"mul": {}})")->run(c, inputs)[0].to_vector<float>() == std::vector<float>(6, 70.0F));
  CHECK(make(R"({"concat": {}})")->run(c, inputs)[0].shape() == Shape{2, 9});
  CHECK(make(R"({"concat": 0})")->run(c, inputs)[0].shape() == Shape{6, 3});
  CHECK(make(R"({"add": {}})")->inputs_allowed().first == 2);
  CHECK_THROWS_WITH(make(R"({"add": {}})")->run(c, Inputs(inputs.data(), 1)),
                    Catch::Contains("at least 2 inputs, got 1"));
  CHECK_THROWS_WITH(make(R"({"relu": {}})")->run(c, inputs), Catch::Contains("takes 1 input, got 3"));
}

TEST_CASE("a convolution absorbs the relu behind it") {
  backend::cpu::install();
  const auto plain = make(R"({"conv2d": {"out": 4, "kernel": 3}})"),
             fused = make(R"({"conv2d": {"out": 4, "kernel": 3}})");
  fill(build(*plain, {2, 3, 6, 6}));
  fill(build(*fused, {2, 3, 6, 6}));
  CHECK_FALSE(fused->absorb(*make(R"({"gelu": {}})")));
  CHECK(fused->absorb(*make(R"({"relu": {}})")));
  CHECK_FALSE(make(R"({"linear": 3})")->absorb(*make(R"({"relu": {}})")));
  nn::Context c;
  const Tensor x = normal({2, 3, 6, 6}, 0, 1, {1, RngPurpose::kUser, 0, 0});
  const Tensor expected = relu(plain->forward(c, x));
  CHECK(golden::difference(fused->forward(c, x), expected.to_vector<double>(), 1e-6, 1e-6) == "");
  CHECK(amin(expected).item() == 0);
}

TEST_CASE("batch_norm absorbs the relu behind it") {
  backend::cpu::install();
  const auto plain = make(R"({"batch_norm": {}})"), fused = make(R"({"batch_norm": {}})");
  fill(build(*plain, {4, 3, 5, 5}));
  fill(build(*fused, {4, 3, 5, 5}));
  CHECK_FALSE(fused->absorb(*make(R"({"gelu": {}})")));
  CHECK(fused->absorb(*make(R"({"relu": {}})")));
  Tensor x = normal({4, 3, 5, 5}, 0.5, 1, {1, RngPurpose::kUser, 0, 0});
  x.set_requires_grad(true);
  const Tensor g = normal({4, 3, 5, 5}, 0, 1, {1, RngPurpose::kUser, 0, 1});
  // The training passes move the running statistics in the same way.
  for (const bool training : {true, false}) {
    nn::Context c;
    c.training = training;
    const Tensor expected = relu(plain->forward(c, x)), y = fused->forward(c, x);
    CHECK(golden::difference(y, expected.to_vector<double>(), 1e-6, 1e-6) == "");
    CHECK(amin(expected).item() == 0);
    const Tensor dx = grad({expected}, {x}, {g})[0];
    CHECK(golden::difference(grad({y}, {x}, {g})[0], dx.to_vector<double>(), 1e-6, 1e-6) == "");
  }
}

TEST_CASE("gelu absorbs the linear layer behind it") {
  backend::cpu::install();
  const auto gelu = make(R"({"gelu": {}})"), linear = make(R"({"linear": 6})");
  const nn::Build built = build(*linear, {4, 5});
  fill(built);
  nn::Context c;
  Tensor x = normal({4, 5}, 0, 1, {1, RngPurpose::kUser, 0, 0});
  x.set_requires_grad(true);
  const Tensor weight = const_cast<nn::Build&>(built).variables()[0].value;
  const Tensor g = normal({4, 6}, 0, 1, {1, RngPurpose::kUser, 0, 1});
  const Tensor expected = linear->forward(c, gelu->forward(c, x));
  const std::vector<Tensor> slopes = grad({expected}, {x, weight}, {g});
  CHECK_FALSE(gelu->absorb(*make(R"({"relu": {}})")));
  CHECK_FALSE(make(R"({"gelu": "tanh"})")->absorb(*linear));
  REQUIRE(gelu->absorb(*linear));
  CHECK_FALSE(gelu->absorb(*linear));
  const Tensor y = gelu->forward(c, x);
  CHECK(golden::difference(y, expected.to_vector<double>(), 1e-6, 1e-6) == "");
  const std::vector<Tensor> fused = grad({y}, {x, weight}, {g});
  for (size_t i = 0; i < 2; ++i)
    CHECK(golden::difference(fused[i], slopes[i].to_vector<double>(), 1e-6, 1e-6) == "");
}

TEST_CASE("dropout only while training, repeatable, the same expectation") {
  backend::cpu::install();
  const auto layer = make(R"({"dropout": 0.25})");
  const Tensor x = ones({100, 100});
  nn::Context inference;
  CHECK(same(layer->forward(inference, x), x));
  const auto train = [&](uint64_t step) {
    nn::Context c;
    c.training = true;
    c.seed = 3;
    c.step = step;
    const Tensor y = layer->forward(c, x);
    CHECK(c.next_index == 1);
    return y.to_vector<float>();
  };
  const auto y = train(5);
  CHECK(y == train(5));
  CHECK(y != train(6));
  double kept = 0;
  for (const float v : y) {
    CHECK((v == 0.0F || v == Approx(1 / 0.75F)));
    kept += v != 0.0F;
  }
  CHECK(kept / 1e4 == Approx(0.75).margin(0.02));
}

TEST_CASE("batch_norm needs two values per channel to train") {
  backend::cpu::install();
  const auto layer = make(R"({"batch_norm": {}})");
  fill(build(*layer, {1, 3}));
  nn::Context c;
  c.training = true;
  CHECK_THROWS_WITH(layer->forward(c, ones({1, 3})),
                    Catch::Contains("more than one value per channel while training, got input [1, 3]"));
  c.training = false;
  CHECK(layer->forward(c, ones({1, 3})).shape() == Shape{1, 3});
}

TEST_CASE("meta passes leave running statistics alone") {
  const auto layer = make(R"({"batch_norm": {}})");
  build(*layer, {4, 3, 5, 5});
  nn::Context c;
  c.training = true;
  const Tensor y = layer->forward(c, Tensor::empty({4, 3, 5, 5}, DType::kFloat32, kMeta));
  CHECK(y.is_meta());
  CHECK(y.shape() == Shape{4, 3, 5, 5});
}

namespace {

struct Moments {
  double mean, stddev, low, high;
};

Moments moments(const Tensor& t) {
  const auto v = t.to_vector<double>();
  Moments m{0, 0, v[0], v[0]};
  for (const double x : v) {
    m.mean += x / static_cast<double>(v.size());
    m.low = std::min(m.low, x);
    m.high = std::max(m.high, x);
  }
  for (const double x : v) m.stddev += (x - m.mean) * (x - m.mean) / static_cast<double>(v.size());
  m.stddev = std::sqrt(m.stddev);
  return m;
}

Moments initial(const std::string& text, Shape shape, size_t variable) {
  const auto layer = make(text);
  nn::Build b = build(*layer, std::move(shape));
  fill(b);
  return moments(b.variables()[variable].value);
}

void check_uniform(const Moments& m, double bound) {
  CHECK(m.low >= -bound);
  CHECK(m.high <= bound);
  CHECK(m.stddev == Approx(bound / std::sqrt(3.0)).epsilon(0.05));
  CHECK(m.mean == Approx(0).margin(0.05 * bound));
}

}  // namespace

TEST_CASE("initial values have PyTorch's distributions") {
  backend::cpu::install();
  check_uniform(initial(R"({"linear": 300})", {2, 400}, 0), 1 / std::sqrt(400.0));
  const Moments bias = initial(R"({"linear": 3000})", {2, 400}, 1);
  CHECK(bias.high <= 0.05);
  CHECK(bias.stddev == Approx(0.05 / std::sqrt(3.0)).epsilon(0.05));
  // fan_in of a grouped convolution counts the channels of one group.
  check_uniform(initial(R"({"conv2d": {"out": 64, "kernel": [3, 5], "groups": 2}})", {2, 16, 9, 9}, 0),
                1 / std::sqrt(8.0 * 15));
  CHECK(initial(R"({"conv2d": {"out": 512, "kernel": [3, 5], "groups": 2}})", {2, 16, 9, 9}, 1).high <=
        1 / std::sqrt(8.0 * 15));
  const auto linear = [](const std::string& init) {
    return initial(R"({"linear": {"out": 300, "init": ")" + init + "\"}}", {2, 500}, 0);
  };
  check_uniform(linear("kaiming_uniform"), std::sqrt(6.0 / 500));
  check_uniform(linear("xavier_uniform"), std::sqrt(6.0 / 800));
  CHECK(linear("kaiming_normal").stddev == Approx(std::sqrt(2.0 / 500)).epsilon(0.02));
  CHECK(linear("xavier_normal").stddev == Approx(std::sqrt(2.0 / 800)).epsilon(0.02));
  CHECK(linear("normal").stddev == Approx(0.02).epsilon(0.02));
  CHECK(linear("zeros").stddev == 0);
  CHECK(initial(R"({"linear": {"out": 30, "bias_init": "zeros"}})", {2, 50}, 1).high == 0);
  CHECK(initial(R"({"batch_norm": {}})", {2, 5}, 0).low == 1);
  CHECK(initial(R"({"batch_norm": {}})", {2, 5}, 1).high == 0);
  CHECK(initial(R"({"batch_norm": {}})", {2, 5}, 3).low == 1);
}

TEST_CASE("kaiming_normal by fan_out") {
  backend::cpu::install();
  const Tensor t =
      nn::kaiming_normal(0, true)({200, 50, 3, 3}, DType::kFloat32, {1, RngPurpose::kInit, 0, 0});
  CHECK(moments(t).stddev == Approx(std::sqrt(2.0 / (200 * 9))).epsilon(0.02));
}
