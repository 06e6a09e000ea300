// What each construct of the language builds: names, shapes, parameters.

#include <catch2/catch.hpp>

#include "model/support.h"

using namespace dlb;
using namespace dlb::model;
using Strings = std::vector<std::string>;

namespace {

Strings report_names(const Model& model) {
  Strings out;
  for (const LayerReport& row : model.report()) out.push_back(row.name);
  return out;
}

}  // namespace

TEST_CASE("an MLP: names, shapes and parameter count") {
  const auto m = build("model: [flatten, linear: 512, relu, {linear: {out: 512}}, relu, linear: $classes]",
                       {128, 1, 28, 28});
  CHECK(names(*m) == Strings{"linear_1.weight", "linear_1.bias", "linear_2.weight", "linear_2.bias",
                             "linear_3.weight", "linear_3.bias"});
  CHECK(m->parameter_count() == 784 * 512 + 512 + 512 * 512 + 512 + 512 * 10 + 10);
  CHECK(m->output_spec().shape == Shape{128, 10});
  CHECK(m->variables()[0].value.shape() == Shape{512, 784});
}

TEST_CASE("the MNIST CNN has 1,199,882 parameters") {
  const auto m = build(R"(
model:
  - conv2d: {out: 32, kernel: 3}
  - relu
  - conv2d: {out: 64, kernel: 3}
  - relu
  - max_pool2d: 2
  - dropout: 0.25
  - flatten
  - linear: 128
  - relu
  - dropout: 0.5
  - linear: $classes
)",
                       {64, 1, 28, 28});
  CHECK(m->parameter_count() == 1'199'882);
  const LayerReport& conv = m->report()[2];
  CHECK(conv.name == "conv2d_2");
  CHECK(conv.type == "conv2d");
  CHECK(conv.where == "x.yaml:5");
  CHECK(conv.output == "[64, 64, 24, 24]");
  CHECK(conv.params == 64 * 32 * 9 + 64);
  CHECK(conv.activation_bytes == size_t{64} * 64 * 24 * 24 * 4);
  // A multiply-add is two; the bias may count one more per output.
  const double products = 2.0 * 64 * 64 * 24 * 24 * 32 * 9;
  CHECK(conv.flops >= products);
  CHECK(conv.flops <= products * 1.01);
  CHECK(conv.depth == 0);
  CHECK(m->report()[6].name == "flatten_1");
  CHECK(m->report()[6].activation_bytes <= size_t{64} * 9216 * 4);
}

TEST_CASE("ids name parameters and do not renumber their neighbours") {
  const auto m =
      build("model: [linear: 4, linear: {out: 4, id: head, bias: false}, {linear: 4, id: tail}, linear: 4]",
            {2, 3});
  CHECK(names(*m) == Strings{"linear_1.weight", "linear_1.bias", "head.weight", "tail.weight", "tail.bias",
                             "linear_4.weight", "linear_4.bias"});
}

TEST_CASE("in and as route values, also from inside containers") {
  const auto m = build(R"(
model:
  - linear: {out: 4, as: a}
  - linear: {in: input, out: 4, as: b}
  - add: {in: [a, b], as: sum}
  - sequential: [linear: 4, concat: {in: [sum, a, b]}]
  - linear: {out: 2}
)",
                       {5, 3});
  CHECK(m->output_spec().shape == Shape{5, 2});
  CHECK(m->report()[5].output == "[5, 12]");
  CHECK(m->report()[5].name == "sequential_1.concat_1");
  CHECK(m->report()[5].depth == 1);
}

TEST_CASE("the long form names inputs and outputs") {
  const char* text = R"(
model:
  inputs: {x: "float[N, 3]"}
  steps:
    - linear: {in: x, out: 4, as: h}
    - linear: 2
  outputs: [h, x]
)";
  const auto m = build(text, {5, 3});
  REQUIRE(m->output_specs().size() == 2);
  CHECK(m->output_specs()[0].shape == Shape{5, 4});
  CHECK(m->output_specs()[1].shape == Shape{5, 3});

  const Built two = try_build(R"(
model:
  inputs: {x: "float[N, F]", y: "float[N, G]"}
  steps: [concat: {in: [x, y]}, linear: 2]
)",
                              std::vector<NamedSpec>{{"x", batch_spec({5, 3})}, {"y", batch_spec({5, 4})}});
  CHECK(two.errors.empty());
  REQUIRE(two.model);
  CHECK(two.model->variables()[0].value.shape() == Shape{2, 7});
}

TEST_CASE("residual adds the input or a shortcut") {
  const auto m = build(R"(
model:
  - residual: [linear: 3, relu]
  - residual:
      body: [linear: 4, linear: 4]
      shortcut: [linear: {out: 4, bias: false}]
  - residual: {body: [linear: 4], id: last}
)",
                       {5, 3});
  CHECK(names(*m) == Strings{"residual_1.body.linear_1.weight", "residual_1.body.linear_1.bias",
                             "residual_2.body.linear_1.weight", "residual_2.body.linear_1.bias",
                             "residual_2.body.linear_2.weight", "residual_2.body.linear_2.bias",
                             "residual_2.shortcut.linear_1.weight", "last.body.linear_1.weight",
                             "last.body.linear_1.bias"});
  CHECK(report_names(*m)[0] == "residual_1");
  CHECK(m->report()[0].flops == 15);  // its own work: the addition
  CHECK(m->report()[0].output == "[5, 3]");
}

TEST_CASE("parallel branches are joined by concat, add or mul") {
  const auto concat = build("model: [parallel: [[linear: 4], [linear: 2, relu], []]]", {5, 3});
  CHECK(concat->output_spec().shape == Shape{5, 9});
  CHECK(names(*concat)[2] == "parallel_1.branch_2.linear_1.weight");
  const auto last = build("model: [parallel: {branches: [[linear: 4], [linear: 2]], dim: -1}]", {5, 7, 3});
  CHECK(last->output_spec().shape == Shape{5, 7, 6});
  const auto add = build("model: [parallel: {branches: [linear: 4, linear: 4], merge: add}]", {5, 3});
  CHECK(add->output_spec().shape == Shape{5, 4});
  const auto one = build("model: [parallel: {branches: [[linear: 4]], merge: mul}]", {5, 3});
  CHECK(one->output_spec().shape == Shape{5, 4});
}

TEST_CASE("repeat puts copies with weights of their own into the list") {
  const auto m = build(
      "model: [linear: 4, repeat: {times: 2, index: i, body: [linear: $(4 + i), relu]}, linear: 2]", {5, 3});
  CHECK(report_names(*m) == Strings{"linear_1", "linear_2", "relu_1", "linear_3", "relu_2", "linear_4"});
  CHECK(m->report()[3].output == "[5, 5]");
  const auto none = build("model: [linear: 4, repeat: {times: 0, body: [linear: 9]}]", {5, 3});
  CHECK(none->output_spec().shape == Shape{5, 4});
}

TEST_CASE("names carry values from one copy to the next") {
  const auto m = build(R"(
model:
  - linear: {out: 4, as: h}
  - repeat:
      times: 3
      body:
        - linear: {in: h, out: 4}
        - add: {in: [h, h], as: h}
  - linear: {in: h, out: 1}
)",
                       {5, 3});
  CHECK(m->output_spec().shape == Shape{5, 1});
}

TEST_CASE("foreach goes over numbers, names and maps") {
  const auto numbers = build("model: [foreach: {over: [8, 4, 2], var: n, body: [linear: $n]}]", {5, 3});
  CHECK(report_names(*numbers) == Strings{"linear_1", "linear_2", "linear_3"});
  CHECK(numbers->output_spec().shape == Shape{5, 2});
  const auto maps = build(
      "vars: {w: 6}\nmodel: [foreach: {over: [{n: 8, act: relu, id: wide}, {n: $w, act: tanh, id: narrow}], "
      "var: b, body: [linear: {out: $b.n, id: $b.id}, $b.act]}]",
      {5, 3});
  CHECK(report_names(*maps) == Strings{"wide", "relu_1", "narrow", "tanh_1"});
  CHECK(maps->output_spec().shape == Shape{5, 6});
  const auto variable = build(
      "vars: {widths: [7, 5]}\nmodel: [foreach: {over: $widths, var: n, body: [linear: {out: $n}]}]", {5, 3});
  CHECK(variable->output_spec().shape == Shape{5, 5});
}

TEST_CASE("when chooses while building") {
  const char* text =
      "vars: {deep: %, n: 4}\nmodel: [when: {cond: $deep, then: [linear: 8, relu], else: [linear: $n]}, "
      "linear: 2]";
  auto with = [&](const char* value) {
    std::string yaml = text;
    return yaml.replace(yaml.find('%'), 1, value);
  };
  CHECK(report_names(*build(with("true"), {5, 3})) == Strings{"linear_1", "relu_1", "linear_2"});
  CHECK(report_names(*build(with("false"), {5, 3})) == Strings{"linear_1", "linear_2"});
  // What only the branch not taken mentions is used all the same.
  CHECK(try_build(with("true"), {5, 3}).unused.empty());
}

TEST_CASE("facts of the input: in.channels, in.features, in.rank") {
  const auto m = build(R"(
model:
  - conv2d: {out: $(2 * in.channels), kernel: 1}
  - when: {cond: $(in.rank == 4 and in.features == 7), then: [flatten]}
  - linear: $(in.features // 2)
)",
                       {5, 3, 9, 7});
  CHECK(m->output_spec().shape == Shape{5, 6 * 9 * 7 / 2});
}

TEST_CASE("blocks take typed parameters and group under their names") {
  const char* text = R"(
vars: {act: relu}
blocks:
  mlp:
    params: {hidden: int, out: 4, drop: 0.0, act: relu, deep: true}
    steps:
      - linear: $hidden
      - $act
      - dropout: $drop
      - when: {cond: $deep, then: [linear: {in: input, out: $out}]}
  plain: {steps: [relu]}
model:
  - use: {mlp: {hidden: 8, act: tanh}}
  - use: {mlp: 6}
  - {use: {mlp: {hidden: 5, out: 3, drop: 1}}, id: head}
  - use: plain
  - $act
)";
  const auto m = build(text, {5, 3});
  CHECK(report_names(*m) == Strings{"mlp_1", "mlp_1.linear_1", "mlp_1.tanh_1", "mlp_1.dropout_1",
                                    "mlp_1.linear_2", "mlp_2", "mlp_2.linear_1", "mlp_2.relu_1",
                                    "mlp_2.dropout_1", "mlp_2.linear_2", "head", "head.linear_1",
                                    "head.relu_1", "head.dropout_1", "head.linear_2", "plain_1",
                                    "plain_1.relu_1", "relu_1"});
  CHECK(m->report()[0].type == "mlp");
  CHECK(m->report()[1].where == "x.yaml:7");
  CHECK(m->report()[0].where == "x.yaml:13");
  CHECK(m->output_spec().shape == Shape{5, 3});
  CHECK(m->report()[4].params == 3 * 4 + 4);  // `input` is the block's
}

namespace {

const char* const kResNet20 = R"(
blocks:
  basic:
    params: {c: int, stride: 1}
    steps:
      - residual:
          body:
            - conv2d: {out: $c, kernel: 3, stride: $stride, padding: 1, bias: false}
            - batch_norm
            - relu
            - conv2d: {out: $c, kernel: 3, padding: 1, bias: false}
            - batch_norm
          shortcut:
            when:
              cond: $(stride != 1 or in.channels != c)
              then: [conv2d: {out: $c, kernel: 1, stride: $stride, bias: false}, batch_norm]
      - relu
model:
  - conv2d: {out: 16, kernel: 3, padding: 1, bias: false}
  - batch_norm
  - relu
  - foreach:
      over: [{c: 16, stride: 1}, {c: 32, stride: 2}, {c: 64, stride: 2}]
      var: stage
      body:
        - use: {basic: {c: $stage.c, stride: $stage.stride}}
        - repeat: {times: 2, body: [use: {basic: $stage.c}]}
  - global_avg_pool
  - linear: $classes
)";

}  // namespace

TEST_CASE("ResNet-20 with blocks as PyTorch counts it") {
  const auto m = build(kResNet20, {128, 3, 32, 32});
  CHECK(m->parameter_count() == 272'474);
  CHECK(m->output_spec().shape == Shape{128, 10});
  const Strings all = names(*m);
  CHECK(std::count(all.begin(), all.end(), "basic_4.residual_1.shortcut.conv2d_1.weight") == 1);
  CHECK(std::count(all.begin(), all.end(), "basic_7.residual_1.shortcut.batch_norm_1.running_var") == 1);
  CHECK(std::count(all.begin(), all.end(), "basic_5.residual_1.shortcut.conv2d_1.weight") == 0);
  CHECK(std::count(all.begin(), all.end(), "basic_9.residual_1.body.conv2d_2.weight") == 1);
  double flops = 0;
  for (const LayerReport& row : m->report()) flops += row.flops;
  // 40.8 M multiply-adds per image in convolutions and the classifier; normalisation and activations add a
  // little.
  CHECK(flops / 128 > 2 * 40.5e6);
  CHECK(flops / 128 < 2 * 43e6);
}

TEST_CASE("building twice gives the same model") {
  const auto a = build(kResNet20, {4, 3, 32, 32});
  const auto b = build(kResNet20, {4, 3, 32, 32});
  CHECK(names(*a) == names(*b));
  CHECK(report_names(*a) == report_names(*b));
}
