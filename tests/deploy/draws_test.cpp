// What a model draws in evaluation becomes inputs of its graph, or operators of it.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "../model/support.h"
#include "dlb/deploy/export.h"
#include "dlb/graph/session.h"
#include "dlb/io/onnx.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"

namespace dlb {

namespace {

using deploy::DrawInput;
using Values = std::map<std::string, graph::Value>;

std::unique_ptr<model::Model> model_of(const std::string& yaml, const std::vector<Shape>& shapes) {
  std::vector<model::NamedSpec> inputs;
  for (size_t i = 0; i < shapes.size(); ++i) {
    const std::string name = shapes.size() == 1 ? "input" : std::string(1, static_cast<char>('a' + i));
    inputs.push_back({name, model::batch_spec(shapes[i], DType::kFloat32)});
  }
  model::Built built = model::try_build("model: " + yaml, inputs);
  INFO(yaml << ": " << built.errors);
  REQUIRE(built.errors.empty());
  built.model->materialize(3);
  return std::move(built.model);
}

std::vector<Tensor> inputs_of(const std::vector<Shape>& shapes, int64_t more) {
  std::vector<Tensor> inputs;
  for (size_t i = 0; i < shapes.size(); ++i) {
    Shape shape = shapes[i];
    shape[0] += more;
    RngKey key;
    key.seed = 7;
    key.index = static_cast<uint32_t>(i);
    inputs.push_back(uniform(shape, 0.05, 0.95, key));
  }
  return inputs;
}

/// Exports a model that draws, and compares it on batches of two sizes, its own draws given.
std::vector<DrawInput> check_inputs(const std::string& yaml, const std::vector<Shape>& shapes) {
  INFO(yaml);
  const std::unique_ptr<model::Model> model = model_of(yaml, shapes);
  std::vector<DrawInput> draws;
  const graph::Model exported = deploy::to_graph(*model, "m", &draws);
  const graph::Session session(io::parse_onnx(io::to_onnx(exported), "m.onnx"));
  graph::Model by_operators = exported;
  bool said = true;
  try {
    deploy::draw_by_operators(by_operators, draws);
  } catch (const Error& e) {
    CHECK_THAT(e.message, Catch::Contains("ONNX has no operator"));
    said = false;
  }
  for (const int64_t more : {0, 3}) {
    const std::vector<Tensor> inputs = inputs_of(shapes, more);
    const deploy::DrawLog log(*model, inputs);
    Values values;
    for (size_t i = 0; i < inputs.size(); ++i) values[model->inputs()[i].name] = graph::Value(inputs[i]);
    const Values given = values;
    for (const DrawInput& d : draws)
      values[d.name] = graph::Value(log.value(d, {{"batch", inputs[0].dim(0)}}));
    const NoGrad no_grad;
    nn::Context context;
    const Outputs expected = model->forward(context, inputs);
    const std::vector<graph::Value> found = session.run(values);
    REQUIRE(found.size() >= model->outputs());
    for (size_t i = 0; i < model->outputs(); ++i) {
      const graph::Difference d = graph::compare(found[i], graph::Value(expected[i]), 1e-5, 1e-6);
      INFO("batch of " << inputs[0].dim(0) << ", output " << i << ": " << d.reason);
      CHECK(d.equal);
    }
    if (!said) continue;
    // The graph that draws takes the model's own inputs, and gives values of the same form.
    const graph::Session drawing(io::parse_onnx(io::to_onnx(by_operators), "m.onnx"));
    CHECK(drawing.model().graph.inputs.size() == inputs.size());
    const std::vector<graph::Value> drawn = drawing.run(given, 1);
    for (size_t i = 0; i < model->outputs(); ++i) {
      CHECK(drawn[i].element == found[i].element);
      CHECK(drawn[i].shape() == found[i].shape());
    }
  }
  return draws;
}

/// The text of a draw's sizes: "batch,3".
std::string sizes_of(const DrawInput& draw) {
  std::string text;
  for (const deploy::DrawSize& s : draw.sizes) text += (text.empty() ? "" : ",") + s.text();
  return text;
}

struct Case {
  std::string yaml;
  std::vector<Shape> inputs;
  std::vector<std::string> draws;  ///< distribution and sizes
};

void check_all(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const std::vector<DrawInput> draws = check_inputs(c.yaml, c.inputs);
    INFO(c.yaml);
    std::vector<std::string> found;
    for (size_t i = 0; i < draws.size(); ++i) {
      CHECK(draws[i].name == "draw_" + std::to_string(i + 1));
      found.push_back(describe(draws[i].distribution) + " " + sizes_of(draws[i]));
    }
    CHECK(found == c.draws);
  }
}

}  // namespace

TEST_CASE("functions that draw take their numbers as inputs", "[deploy]") {
  const Shape x{4, 6};
  check_all({
      {"[eval: 'it + randn_like(it)']", {x}, {"normal(mean=0, std=1) batch,6"}},
      {"[eval: 'it + rand([rows(it), 6])']", {x}, {"uniform(high=1, low=0) batch,6"}},
      {"[eval: 'it + rand([6])']", {x}, {"uniform(high=1, low=0) 6"}},
      {"[eval: 'uniform([rows(it) * 2, 3], low=-2, high=3)']", {x}, {"uniform(high=3, low=-2) 2*batch,3"}},
      {"[eval: 'rand([rows(it) + 1])']", {x}, {"uniform(high=1, low=0) batch+1"}},
      {"[eval: 'it + normal(1.0, 2.0, [rows(it), 6])']", {x}, {"normal(mean=1, std=2) batch,6"}},
      {"[eval: 'normal(it, it)']", {x}, {"normal(mean=0, std=1) batch,6"}},
      {"[eval: 'it + randint(2, 7, [rows(it), 6])']", {x}, {"randint(high=7, low=2) batch,6"}},
      {"[eval: 'it[randperm(4)]']", {x}, {"randperm() 4"}},
      {"[eval: 'it[randperm(rows(it))]']", {x}, {"randperm() batch"}},
      {"[eval: 'it * bernoulli(it, 0.3)']", {x}, {"bernoulli(p=0.3) batch,6"}},
      {"[eval: 'bernoulli(it)']", {x}, {"uniform(high=1, low=0) batch,6"}},
      {"[eval: 'it + exponential(it, 2)']", {x}, {"exponential(rate=2) batch,6"}},
      {"[eval: 'it + geometric(it, 0.4)']", {x}, {"geometric(p=0.4) batch,6"}},
      {"[eval: 'it + log_normal(it, 0.1, 0.2)']", {x}, {"log_normal(mean=0.1, std=0.2) batch,6"}},
      {"[eval: 'it + cauchy(it)']", {x}, {"cauchy(median=0, sigma=1) batch,6"}},
      {"[eval: 'it + trunc_normal([rows(it), 6])']",
       {x},
       {"truncated_normal(high=2, low=-2, mean=0, std=1) batch,6"}},
      {"[eval: 'multinomial(it, 5, true)']", {x}, {"uniform(high=1, low=0) batch,5"}},
      {"[eval: 'multinomial(it * (it > 0.5), 1, true)']", {{4, 60}}, {"uniform(high=1, low=0) batch,1"}},
      {"[eval: 'multinomial(it, 3)']", {x}, {"exponential(rate=1) batch,6"}},
      {"[eval: 'dropout(it, 0.25, training=true)']", {x}, {"bernoulli(p=0.75) batch,6"}},
      {"[eval: 'dropout(it, 1.0, training=true)']", {x}, {"bernoulli(p=0) batch,6"}},
      {"[eval: 'it + dropout(it, 0.0, training=true)']", {x}, {}},
      {"[eval: 'alpha_dropout(it, 0.25, training=true)']", {x}, {"bernoulli(p=0.75) batch,6"}},
      {"[eval: 'scaled_dot_product_attention(it, it, it, dropout_p=0.5)']",
       {{4, 2, 5, 6}},
       {"bernoulli(p=0.5) batch,2,5,5"}},
      {"{steps: [{eval: {expr: 'randn_like(it)', as: p}}, {eval: {expr: 'rand_like(it)', as: q}}], "
       "outputs: [q, p]}",
       {x},
       {"normal(mean=0, std=1) batch,6", "uniform(high=1, low=0) batch,6"}},
  });
}

TEST_CASE("layers that draw in evaluation take their numbers as inputs", "[deploy]") {
  check_all({
      {"[random_normal: [3]]", {{4, 6}}, {"normal(mean=0, std=1) batch,3"}},
      {"[random_uniform: {shape: [3], low: -1, high: 2}]", {{4, 6}}, {"uniform(high=2, low=-1) batch,3"}},
      {"[reparameterize: {in: [a, b], always: true}]", {{4, 5}, {4, 5}}, {"normal(mean=0, std=1) batch,5"}},
      {"[gumbel_softmax]", {{4, 6}}, {"uniform(high=1, low=0) batch,6"}},
      {"[fractional_max_pool2d: {kernel: 2, output: 3}]",
       {{4, 3, 8, 8}},
       {"uniform(high=1, low=0) batch,3,2"}},
      {"[fractional_max_pool3d: {kernel: 2, output: 2}]",
       {{2, 3, 5, 5, 5}},
       {"uniform(high=1, low=0) batch,3,3"}},
  });
}

TEST_CASE("draws within loops, scans and branches", "[deploy]") {
  const Shape x{4, 6};
  check_all({
      {"[{loop: {max: 5, body: [eval: 'it * 0.5 + randn_like(it)']}}, {eval: 'it + rand([6])'}]",
       {x},
       {"normal(mean=0, std=1) 5,batch,6", "uniform(high=1, low=0) 6"}},
      {"[{loop: {carry: {h: it, n: 0}, while: 'n < 3', max: 8, body: [{eval: {expr: 'h + randn_like(h)', as: "
       "h}}, {eval: {expr: 'n + 1', as: n}}]}}, {eval: 'h + rand([6])'}]",
       {x},
       {"normal(mean=0, std=1) draw_1_steps,batch,6", "uniform(high=1, low=0) 6"}},
      // The loop ends before its first draw.
      {"[{loop: {carry: {h: it}, while: 'mean(h) > 1e9', max: 8, body: [{eval: {expr: 'h + randn_like(h)', "
       "as: h}}]}}, {eval: 'h + rand([6])'}]",
       {x},
       {"normal(mean=0, std=1) draw_1_steps,batch,6", "uniform(high=1, low=0) 6"}},
      {"[{loop: {max: 2, body: [{loop: {max: 3, body: [eval: 'it + randn_like(it)']}}, {eval: 'it + "
       "rand_like(it)'}]}}]",
       {x},
       {"normal(mean=0, std=1) 2,3,batch,6", "uniform(high=1, low=0) 2,batch,6"}},
      {"[{if: {cond: 'mean(it) > 0', then: [eval: 'it + randn_like(it)'], else: [eval: 'it + "
       "rand_like(it)']}}, {eval: 'it + rand([6])'}]",
       {x},
       {"normal(mean=0, std=1) batch,6", "uniform(high=1, low=0) batch,6", "uniform(high=1, low=0) 6"}},
      {"[{scan: {carry: {h: 'zeros([rows(it), 3])'}, body: [{eval: {expr: 'h * 0.5 + it + "
       "randn_like(h)', as: h}}], emit: h}}]",
       {{4, 7, 3}},
       {"normal(mean=0, std=1) 7,batch,3"}},
      {"[{scan: {reverse: true, carry: {h: 'zeros([rows(it), 3])'}, body: [{eval: {expr: 'h * 0.5 + "
       "it + randn_like(h)', as: h}}], emit: h}}]",
       {{4, 7, 3}},
       {"normal(mean=0, std=1) 7,batch,3"}},
      {"[{loop: {max: 2, body: [{scan: {carry: {h: 'zeros([rows(it), 3])'}, body: [{eval: {expr: 'h "
       "* 0.5 + it + randn_like(h)', as: h}}], emit: h}}]}}]",
       {{4, 7, 3}},
       {"normal(mean=0, std=1) 2,7,batch,3"}},
  });
}

TEST_CASE("draws that cannot be exported, and models that nobody allows to draw", "[deploy]") {
  const auto refused = [](const std::string& yaml, const std::string& reason) {
    INFO(yaml);
    const std::unique_ptr<model::Model> model = model_of(yaml, {{4, 6}});
    std::vector<DrawInput> draws;
    CHECK_THROWS_WITH(deploy::to_graph(*model, "m", &draws), Catch::Contains(reason));
    CHECK_THROWS_WITH(deploy::to_graph(*model, "m"), Catch::Contains("`--draws`"));
  };
  refused("[eval: 'poisson(it)']", "by values that the model computes");
  refused("[eval: 'beta(it, it)']", "(standard_gamma) by values that the model computes");
  refused(
      "[{loop: {carry: {h: it}, while: 'mean(h) > mean(rand([3]))', max: 8, body: [eval: {expr: 'h * "
      "0.5', as: h}]}}]",
      "the condition of a loop draws");
}

TEST_CASE("draws with a seed of their own are constants", "[deploy]") {
  check_all({
      {"[eval: 'it @ randn([6, 3], seed=5)']", {{4, 6}}, {}},
      {"[{eval: 'it @ randn([6, 3], seed=5)'}, {eval: 'it + rand([3])'}]",
       {{4, 6}},
       {"uniform(high=1, low=0) 3"}},
      {"[{eval: 'it + rand([6])'}, {eval: 'it @ randn([6, 3], seed=5)'}]",
       {{4, 6}},
       {"uniform(high=1, low=0) 6"}},
  });
  const std::unique_ptr<model::Model> fixed = model_of("[eval: 'it @ randn([6, 3], seed=5)']", {{4, 6}});
  CHECK(deploy::to_graph(*fixed, "m").graph.initializers.size() == 1);
  const std::unique_ptr<model::Model> masked =
      model_of("[eval: 'dropout(it, 0.5, training=true, seed=5)']", {{4, 6}});
  std::vector<DrawInput> draws;
  CHECK_THROWS_WITH(deploy::to_graph(*masked, "m", &draws), Catch::Contains("with a fixed seed"));
}

TEST_CASE("a distribution that follows the batch holds the graph to one", "[deploy]") {
  const std::unique_ptr<model::Model> model =
      model_of("[eval: 'uniform([rows(it), 3], high=1.0 * rows(it))']", {{4, 6}});
  std::vector<DrawInput> draws;
  const graph::Model exported = deploy::to_graph(*model, "m", &draws);
  CHECK(describe(exported.graph.inputs.at(0)) == "float32[4, 6]");
  CHECK(describe(draws.at(0).distribution) == "uniform(high=4, low=0)");
}

TEST_CASE("what operators draw has the distribution of what the model draws", "[deploy]") {
  struct Expected {
    std::string draw;
    double low, high, mean, deviation;  ///< of the numbers drawn
    bool whole = false;
  };
  const double inf = INFINITY;
  const std::vector<Expected> cases = {
      {"normal(1.5, 2.0, [rows(it), 500])", -inf, inf, 1.5, 2},
      {"uniform([rows(it), 500], low=-2, high=3)", -2, 3, 0.5, 5 / std::sqrt(12.0)},
      {"randint(2, 7, [rows(it), 500])", 2, 6, 4, std::sqrt(2.0), true},
      {"randint(-3, 1000000000, [rows(it), 500])", -3, 999999999, 5e8, 1e9 / std::sqrt(12.0), true},
      {"bernoulli(expand(it, [rows(it), 500]), 0.3)", 0, 1, 0.3, std::sqrt(0.21), true},
      {"exponential(expand(it, [rows(it), 500]), 2)", 0, inf, 0.5, 0.5},
      {"geometric(expand(it, [rows(it), 500]), 0.4)", 1, inf, 2.5, std::sqrt(0.6) / 0.4, true},
      {"geometric(expand(it, [rows(it), 500]), 1)", 1, 1, 1, 0, true},
      {"log_normal(expand(it, [rows(it), 500]), 0.1, 0.2)", 0, inf, std::exp(0.12),
       std::exp(0.12) * std::sqrt(std::expm1(0.04))},
      {"atan(cauchy(expand(it, [rows(it), 500]), 0, 1))", -1.5708, 1.5708, 0,
       std::acos(-1.0) / std::sqrt(12.0)},
      {"cast(randperm(2000), float32)", 0, 1999, 999.5, std::sqrt((2000.0 * 2000 - 1) / 12), true},
  };
  for (const Expected& e : cases) {
    INFO(e.draw);
    const std::unique_ptr<model::Model> model = model_of("[eval: '" + e.draw + "']", {{4, 1}});
    std::vector<DrawInput> draws;
    graph::Model exported = deploy::to_graph(*model, "m", &draws);
    deploy::draw_by_operators(exported, draws);
    CHECK(exported.metadata.empty());
    const graph::Session session(io::parse_onnx(io::to_onnx(exported), "m.onnx"));
    const Values values = {{"input", graph::Value(ones({40, 1}))}};
    const std::vector<double> x = session.run(values)[0].tensor.to_vector<double>();
    double sum = 0, squares = 0;
    for (const double v : x) {
      REQUIRE(v >= e.low);
      REQUIRE(v <= e.high);
      if (e.whole) REQUIRE(v == std::round(v));
      sum += v;
      squares += (v - e.mean) * (v - e.mean);
    }
    const double n = static_cast<double>(x.size()), error = e.deviation / std::sqrt(n);
    CHECK(std::abs(sum / n - e.mean) <= 5 * error);
    CHECK(std::abs(std::sqrt(squares / n) - e.deviation) <= 0.1 * e.deviation);
    // The same for a seed, others for another one.
    CHECK(session.run(values)[0].tensor.to_vector<double>() == x);
    if (e.deviation > 0) CHECK(session.run(values, 1)[0].tensor.to_vector<double>() != x);
  }
}

TEST_CASE("distributions are in the metadata, and numbers of them can be had", "[deploy]") {
  const std::unique_ptr<model::Model> model =
      model_of("[{eval: 'it + trunc_normal([6])'}, {eval: 'it + randint(2, 5, [rows(it), 6])'}]", {{4, 6}});
  std::vector<DrawInput> draws;
  const graph::Model exported = io::parse_onnx(io::to_onnx(deploy::to_graph(*model, "m", &draws)), "m.onnx");
  REQUIRE(exported.graph.inputs.size() == 3);
  CHECK(exported.graph.inputs[1].doc ==
        "truncated_normal(high=2, low=-2, mean=0, std=1), which eval_1 draws");
  CHECK(describe(exported.graph.inputs[2]) == "int64[batch, 6]");
  const std::map<std::string, deploy::Distribution> found = deploy::read_draws(exported);
  REQUIRE(found.size() == 2);
  for (const DrawInput& d : draws) CHECK(found.at(d.name) == d.distribution);
  const Tensor x = deploy::sample(found.at("draw_2"), {50}, DType::kInt64, {});
  for (const int64_t v : x.to_vector<int64_t>()) CHECK((v >= 2 && v < 5));

  graph::Model damaged = exported;
  for (const char* text : {"", "{", "[]", "{\"draw_1\": 3}", "{\"draw_1\": {\"distribution\": 3}}",
                           "{\"draw_1\": {\"distribution\": \"normal\", \"mean\": []}}"}) {
    damaged.metadata[deploy::kDrawsKey] = text;
    CHECK_THROWS_WITH(deploy::read_draws(damaged), Catch::Contains("damaged"));
  }
  CHECK_THROWS_WITH(deploy::sample({"normal", {}}, {2}, DType::kFloat32, {}),
                    Catch::Contains("normal has no '"));
  CHECK_THROWS_WITH(deploy::sample({"none", {}}, {2}, DType::kFloat32, {}),
                    Catch::Contains("no distribution"));
}

}  // namespace dlb
