// call: shared blocks, networks, recursion; programs of phases; tied weights; inputs by name.

#include "dlb/ops/binary.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"
#include "model/run_support.h"

using namespace dlb;
using namespace dlb::model;
using Catch::Matchers::Contains;
using Strings = std::vector<std::string>;

TEST_CASE("call uses the same weights at each call, id makes another instance") {
  auto m = ready(R"y(
blocks:
  enc: {params: {n: 4}, steps: [linear: $n, tanh]}
model:
  - linear: 3
  - call: enc
  - linear: 3
  - call: {enc: 4}
  - {call: enc, in: input, id: other, as: o}
  - linear: {in: o, out: 3}
  - call: {enc: {}, id: other}
)y",
                 {5, 3});
  CHECK(names(*m) == Strings{"linear_1.weight", "linear_1.bias", "enc.linear_1.weight", "enc.linear_1.bias",
                             "linear_2.weight", "linear_2.bias", "other.linear_1.weight",
                             "other.linear_1.bias", "linear_3.weight", "linear_3.bias"});
  CHECK(m->report()[1].type == "enc");
  CHECK(m->report()[2].name == "enc.linear_1");
  CHECK(m->report()[5].type == "call");
  CHECK(m->report()[5].params == 0);
  CHECK(m->report()[5].flops == m->report()[2].flops + m->report()[3].flops);
  const auto layer = [&](const std::string& name, const Tensor& in) {
    return linear(in, variable(*m, name + ".weight"), variable(*m, name + ".bias"));
  };
  const Tensor x = random({5, 3});
  const Tensor expected = tanh(layer("other.linear_1", layer("linear_3", tanh(layer("other.linear_1", x)))));
  check_close(run(*m, {x})[0], expected);
  // A call's shapes may differ where the layers allow it.
  auto lengths = ready_of(
      "blocks: {b: {steps: [linear: 2]}}\nmodel: {inputs: {x: float, y: float}, steps: [{call: b, "
      "in: x, as: p}, {call: b, in: y, as: q}], outputs: [p, q]}",
      {{"x", batch_spec({5, 3})}, {"y", batch_spec({2, 7, 3})}});
  CHECK(lengths->output_specs()[1].shape == Shape{2, 7, 2});
}

TEST_CASE("networks and phases: programs over the same weights") {
  const char* text = R"y(
models:
  generator: [linear: 6, relu, linear: 3]
  discriminator:
    inputs: {image: "float[N, 3]", label: "float[N, 1]"}
    steps:
      - concat: {in: [image, label]}
      - linear: {out: 4, as: features}
      - linear: {out: 1, as: score}
    outputs: [score, features]
model:
  inputs: {z: float}
  steps: [call: generator]
wanted: [z]
phases:
  critic:
    steps:
      - {call: generator, in: z, as: fake}
      - detach
      - call: {discriminator: {label: c}, as: [fake_score, f]}
      - call: {discriminator: {image: x, label: c}, as: real_score}
    outputs: [real_score, fake_score]
  maker: [{call: generator, in: z}, call: {discriminator: {label: c}}, linear: 2]
)y";
  auto m = ready_of(text, {{"z", batch_spec({5, 2})}, {"x", batch_spec({5, 3})}, {"c", batch_spec({5, 1})}});
  CHECK(m->programs() == 3);
  CHECK(m->output_names(0) == Strings{"output", "z"});
  CHECK(m->outputs(0) == 1);
  CHECK(m->output_names(1) == Strings{"real_score", "fake_score"});
  CHECK(m->output_specs(2)[0].shape == Shape{5, 2});
  CHECK(names(*m) == Strings{"generator.linear_1.weight", "generator.linear_1.bias",
                             "generator.linear_2.weight", "generator.linear_2.bias",
                             "discriminator.linear_1.weight", "discriminator.linear_1.bias",
                             "discriminator.linear_2.weight", "discriminator.linear_2.bias",
                             "phases.maker.linear_1.weight", "phases.maker.linear_1.bias"});
  const std::vector<Tensor> in = {random({5, 2}), random({5, 3}, 1), random({5, 1}, 2)};
  const auto layer = [&](const std::string& name, const Tensor& x) {
    return linear(x, variable(*m, name + ".weight"), variable(*m, name + ".bias"));
  };
  const auto critic = [&](const Tensor& x) {
    return layer("discriminator.linear_2", layer("discriminator.linear_1", cat({x, in[2]}, 1)));
  };
  const Tensor fake = layer("generator.linear_2", relu(layer("generator.linear_1", in[0])));
  const Outputs main = run(*m, in);
  check_close(main[0], fake);
  CHECK(same(main[1], in[0]));
  const Outputs scores = run(*m, in, 1);
  check_close(scores[0], critic(in[1]));
  check_close(scores[1], critic(fake));
  backward(sum(scores[1]));
  CHECK_FALSE(variable(*m, "generator.linear_1.weight").grad().defined());  // detached
  CHECK(variable(*m, "discriminator.linear_1.weight").grad().defined());
  check_close(run(*m, in, 2)[0], layer("phases.maker.linear_1", critic(fake)));
}

namespace {

/// Sums halves until one row is left: the depth follows from the length.
const char* const kHalves = R"y(
blocks:
  halves:
    params: {dim: int}
    steps:
      - if:
          cond: "size(it, 1) > 1"
          then:
            - eval: {expr: "it[:, :size(it, 1) // 2]", as: left}
            - eval: {expr: "input[:, size(input, 1) // 2:]", as: right}
            - {call: {halves: {dim: $dim}}, in: left, max: 10, as: a}
            - {call: {halves: {dim: $dim}}, in: right, max: 10, as: b}
            - add: {in: [a, b]}
            - linear: {out: $dim, bias: false}
          else:
            - eval: "it[:, 0]"
            - linear: {out: $dim, bias: false}
model:
  - call: {halves: 4}
)y";

}  // namespace

TEST_CASE("recursion whose depth the length decides") {
  auto m = ready(kHalves, {2, 5, 3});
  CHECK(names(*m).size() == 2);
  CHECK(m->output_spec().shape == Shape{2, 4});
  const std::string leaf = "halves.if_1.else.linear_1.weight";
  const std::string node = "halves.if_1.then.linear_1.weight";
  const std::function<Tensor(const Tensor&)> f = [&](const Tensor& x) -> Tensor {
    const int64_t n = x.dim(1);
    if (n == 1) return linear(select(x, 1, 0), variable(*m, leaf));
    return linear(f(slice(x, 1, 0, n / 2)) + f(slice(x, 1, n / 2, n)), variable(*m, node));
  };
  for (const int64_t n : {1, 2, 5, 9}) {
    const Tensor x = random({2, n, 3});
    check_close(run(*m, {x})[0], f(x));
  }
  check_gradients(*m, {random({2, 5, 3})});
}

TEST_CASE("recursion whose depth the values decide, and its bound") {
  const char* text = R"y(
blocks:
  grow:
    inputs: {x: float, n: float}
    steps:
      - if:
          cond: "sum(x) < 100"
          then:
            - eval: {expr: "x * 2", as: y}
            - eval: {expr: "n + 1", as: m}
            - call: {grow: {x: y, n: m}, max: 6, as: [x, n]}
          else: []
          emit: [x, n]
    outputs: [x, n]
model:
  steps:
    - eval: {expr: "sum(it) * 0", as: zero}
    - call: {grow: {x: input, n: zero}, as: [y, depth]}
  outputs: [y, depth]
)y";
  auto m = ready(text, {2});
  const Outputs out = run(*m, {Tensor::from<float>({3, 4}, {2})});
  CHECK(out[0].to_vector<double>() == std::vector<double>{48, 64});
  CHECK(out[1].item() == 4);
  try {
    run(*m, {Tensor::from<float>({0.5, 0}, {2})});
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.message == "block grow calls itself more than max: 6 deep");
    CHECK(e.where == "x.yaml:11:22");
    // Each line once, however deep it was.
    CHECK(e.context == Strings{"in blocks.grow.steps[0].if.then[2]", "in blocks.grow.steps[0]",
                               "in block grow called at x.yaml:11", "in block grow called at x.yaml:18",
                               "in model.steps[1]"});
  }
  // The bound counts anew at each run.
  CHECK(run(*m, {Tensor::from<float>({99, 0}, {2})})[1].item() == 1);
}

TEST_CASE("tied weights are one variable with one gradient") {
  auto m = ready(
      "model: [linear: {out: 3, id: enc}, tanh, linear: {out: 3, weight: '@enc.weight', bias: '@enc.bias'}]",
      {5, 3});
  CHECK(names(*m) == Strings{"enc.weight", "enc.bias"});
  const Tensor x = random({5, 3});
  const Tensor w = variable(*m, "enc.weight");
  const Tensor b = variable(*m, "enc.bias");
  check_close(run(*m, {x})[0], linear(tanh(linear(x, w, b)), w, b));
  check_gradients(*m, {x}, 9);
}

TEST_CASE("a transposed weight: the decoder of an autoencoder") {
  auto m =
      ready("model: [linear: {out: 3, id: enc}, tanh, linear: {out: 7, weight: '@enc.weight.T'}]", {5, 7});
  CHECK(names(*m) == Strings{"enc.weight", "enc.bias", "linear_2.bias"});
  const Tensor x = random({5, 7});
  const Tensor w = variable(*m, "enc.weight");
  const Tensor y =
      linear(tanh(linear(x, w, variable(*m, "enc.bias"))), transpose(w, 0, 1), variable(*m, "linear_2.bias"));
  check_close(run(*m, {x})[0], y);
  check_gradients(*m, {x}, 9);
  m->materialize(8);  // the data move
  check_close(run(*m, {x})[0], linear(tanh(linear(x, w, variable(*m, "enc.bias"))), transpose(w, 0, 1),
                                      variable(*m, "linear_2.bias")));
}

TEST_CASE("names of tied weights are looked for from the inside out") {
  auto m = ready(R"y(
blocks:
  b: {steps: [linear: {out: 3, id: w}, sequential: [linear: {out: 3, weight: "@w.weight"}]]}
model: [linear: {out: 3, id: w}, use: b, use: b, linear: {out: 3, weight: "@b_1.w.weight"}]
)y",
                 {5, 3});
  CHECK(names(*m) == Strings{"w.weight", "w.bias", "b_1.w.weight", "b_1.w.bias",
                             "b_1.sequential_1.linear_1.bias", "b_2.w.weight", "b_2.w.bias",
                             "b_2.sequential_1.linear_1.bias", "linear_2.bias"});
}

TEST_CASE("a parameter is a value") {
  auto m = ready(
      "model:\n  steps:\n    - parameter: {shape: [1, 1, 4], init: ones, id: cls, as: cls}\n"
      "    - eval: 'cat([expand(cls, [rows(input), 1, 4]), input], 1)'\n",
      {3, 2, 4});
  CHECK(names(*m) == Strings{"cls.value"});
  const Tensor y = run(*m, {zeros({3, 2, 4})})[0];
  CHECK(y.shape() == Shape{3, 3, 4});
  backward(sum(y));
  CHECK(variable(*m, "cls.value").grad().to_vector<double>() == std::vector<double>{3, 3, 3, 3});
}

TEST_CASE("blocks with several inputs and outputs") {
  auto m = ready_of(R"y(
blocks:
  mix:
    params: {k: 2.0}
    inputs: [a, b]
    steps: [eval: {expr: "a * $k + b", as: s}, eval: {expr: "a - b", as: d}]
    outputs: [s, d]
model:
  inputs: {x: float, y: float}
  steps:
    - use: {mix: 3.0, in: [x, y], as: [p, q]}
    - use: {mix: {a: x, b: q}, as: r}
    - {relu: {in: p}}
    - use: {mix: {b: y}, as: t}
  outputs: [p, q, r, t]
)y",
                    {{"x", batch_spec({2})}, {"y", batch_spec({2})}});
  const Outputs out = run(*m, {Tensor::from<float>({1, 2}, {2}), Tensor::from<float>({10, 1}, {2})});
  CHECK(out[0].to_vector<double>() == std::vector<double>{13, 7});
  CHECK(out[1].to_vector<double>() == std::vector<double>{-9, 1});
  CHECK(out[2].to_vector<double>() == std::vector<double>{-7, 5});
  CHECK(out[3].to_vector<double>() == std::vector<double>{36, 15});
}

TEST_CASE("branches and items are joined in every way") {
  const Tensor x = Tensor::from<float>({1, -2}, {1, 2});
  const auto joined = [&](const std::string& how) {
    auto m = ready("model: [parallel: {branches: [[], [eval: 'it * 3'], [eval: '-it']], merge: " + how + "}]",
                   {1, 2});
    return run(*m, {x})[0].to_vector<double>();
  };
  using V = std::vector<double>;
  CHECK(joined("add") == V{3, -6});
  CHECK(joined("mul") == V{-3, 24});
  CHECK(joined("max") == V{3, 2});
  CHECK(joined("mean") == V{1, -2});
  CHECK(joined("concat") == V{1, -2, 3, -6, -1, 2});
  CHECK(joined("stack") == V{1, -2, 3, -6, -1, 2});
  auto m = ready(R"y(
model:
  steps:
    - foreach: {over: [1, 2, 3], var: k, body: [eval: "it * $k"], collect: list, as: all}
    - concat: {in: all, as: c}
    - foreach: {over: [10, 20], var: k, body: [linear: 2, eval: "it * 0 + $k"], collect: add, in: input, as: s}
    - parallel: {in: input, branches: [[], [eval: "it + 1"]], merge: list, as: [p, q]}
  outputs: [c, s, all, q]
)y",
                 {1, 2});
  CHECK(names(*m) == Strings{"foreach_2.item_1.linear_1.weight", "foreach_2.item_1.linear_1.bias",
                             "foreach_2.item_2.linear_1.weight", "foreach_2.item_2.linear_1.bias"});
  const Outputs out = run(*m, {x});
  REQUIRE(out.size() == 6);
  CHECK(out[0].to_vector<double>() == V{1, -2, 2, -4, 3, -6});
  CHECK(out[1].to_vector<double>() == V{30, 30});
  CHECK(out[4].to_vector<double>() == V{3, -6});
  CHECK(out[5].to_vector<double>() == V{2, -1});
}
