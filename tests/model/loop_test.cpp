// loop, scan and if: values, gradients, counts that the data decide, memory, errors.

#include <chrono>
#include <cmath>

#include "dlb/ops/binary.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/scan.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"
#include "model/run_support.h"

using namespace dlb;
using namespace dlb::model;
using Catch::Matchers::Contains;
using Strings = std::vector<std::string>;

namespace {

/// Doubles until the sum of magnitudes is at least 100.
const char* const kDoubling = R"y(
model:
  - loop:
      carry: {h: it, n: 0}
      while: "sum(abs(h)) < 100"
      max: 50
      body:
        - eval: {expr: "h * 2", as: h}
        - eval: {expr: "n + 1", as: n}
  - eval: "stack([sum(abs(h)), n], 0)"
)y";

}  // namespace

TEST_CASE("a loop runs as often as the data say") {
  auto m = ready(kDoubling, {4});
  const auto counted = [&](float x) {
    return run(*m, {Tensor::from<float>({x, 0, 0, 0}, {4})})[0].to_vector<double>();
  };
  CHECK(counted(1) == std::vector<double>{128, 7});
  CHECK(counted(60) == std::vector<double>{120, 1});
  CHECK(counted(100) == std::vector<double>{100, 0});
  CHECK(counted(0) == std::vector<double>{0, 50});  // max ends it
}

TEST_CASE("a loop has one set of weights, and equals its steps written out") {
  auto m = ready("model: [linear: 4, loop: {max: 3, body: [linear: 4, tanh]}, linear: 2]", {5, 3});
  CHECK(names(*m) == Strings{"linear_1.weight", "linear_1.bias", "loop_1.linear_1.weight",
                             "loop_1.linear_1.bias", "linear_2.weight", "linear_2.bias"});
  const Tensor x = random({5, 3});
  const auto layer = [&](const std::string& name, const Tensor& in) {
    return linear(in, variable(*m, name + ".weight"), variable(*m, name + ".bias"));
  };
  Tensor h = layer("linear_1", x);
  for (int i = 0; i < 3; ++i) h = tanh(layer("loop_1.linear_1", h));
  const Tensor y = layer("linear_2", h);
  check_close(run(*m, {x})[0], y);
  backward(sum(y * y));
  const Tensor expected = variable(*m, "loop_1.linear_1.weight").grad();
  for (const nn::Variable& v : m->variables()) v.value.set_grad({});
  const Tensor out = run(*m, {x})[0];
  backward(sum(out * out));
  check_close(variable(*m, "loop_1.linear_1.weight").grad(), expected);
}

TEST_CASE("adaptive computation: carries, values from around, gradients") {
  auto m = ready(R"y(
model:
  - linear: {out: 6, as: x}
  - loop:
      carry: {h: input, p: "zeros([rows(input), 1])"}
      while: "any(p < 0.9)"
      max: 12
      body:
        - linear: {in: h, out: 6}
        - eval: {expr: "tanh(it + x)", as: h}
        - linear: {in: h, out: 1}
        - sigmoid
        - eval: {expr: "p + (1 - p) * it", as: p}
  - linear: {in: h, out: 2}
)y",
                 {4, 3});
  const Tensor input = random({4, 3});
  const auto layer = [&](const std::string& name, const Tensor& in) {
    return linear(in, variable(*m, name + ".weight"), variable(*m, name + ".bias"));
  };
  const Tensor x = layer("linear_1", input);
  Tensor h = x;
  Tensor p = zeros({4, 1});
  int steps = 0;
  while (steps < 12) {
    double least = 1;
    for (const double v : p.to_vector<double>()) least = std::min(least, v);
    if (least >= 0.9) break;
    h = tanh(layer("loop_1.linear_1", h) + x);
    p = p + (1.0 - p) * sigmoid(layer("loop_1.linear_2", h));
    ++steps;
  }
  CHECK(steps > 1);
  CHECK(steps < 12);
  check_close(run(*m, {input})[0], layer("linear_2", h));
  // What only decides how often the loop runs gets no gradient.
  const Tensor y = run(*m, {input})[0];
  backward(sum(y));
  CHECK_FALSE(variable(*m, "loop_1.linear_2.weight").grad().defined());
  auto trained = ready(
      "model: [linear: {out: 4, as: x}, loop: {carry: {h: x, g: 'x * 0'}, max: 4, body: [linear: "
      "{in: h, out: 4}, eval: {expr: 'tanh(it + x)', as: h}, eval: {expr: 'g + h', as: g}]}, "
      "linear: {in: g, out: 2}]",
      {4, 3});
  check_gradients(*trained, {input});
}

TEST_CASE("scan is a recurrent network: values, last state, gradients") {
  auto m = ready(R"y(
model:
  steps:
    - scan:
        axis: 1
        carry: {h: "zeros([rows(input), 5])"}
        body:
          - concat: {in: [item, h]}
          - linear: 5
          - tanh: {as: h}
        as: states
  outputs: [states, h]
)y",
                 {3, 7, 2});
  CHECK(m->output_specs()[0].shape == Shape{3, 7, 5});
  CHECK(m->output_specs()[1].shape == Shape{3, 5});
  const Tensor x = random({3, 7, 2});
  Tensor h = zeros({3, 5});
  std::vector<Tensor> states;
  for (int64_t t = 0; t < 7; ++t) {
    h = tanh(linear(cat({select(x, 1, t), h}, 1), variable(*m, "scan_1.linear_1.weight"),
                    variable(*m, "scan_1.linear_1.bias")));
    states.push_back(h);
  }
  const Outputs out = run(*m, {x});
  check_close(out[0], stack(states, 1));
  check_close(out[1], h);
  // Any length will do.
  CHECK(run(*m, {random({2, 3, 2})})[0].shape() == Shape{2, 3, 5});
  check_gradients(*m, {x});
  CHECK(m->report()[0].type == "scan");
  CHECK(m->report()[2].name == "scan_1.linear_1");
  CHECK(m->report()[2].params == 7 * 5 + 5);
  CHECK(m->report()[2].flops >= 7 * 2.0 * 3 * 7 * 5);
}

TEST_CASE("scan backwards, over several sequences, with named outputs") {
  auto m = ready_of(R"y(
model:
  inputs: {x: float, m: float}
  steps:
    - scan:
        over: [x, m]
        var: [a, b]
        axis: -2
        reverse: true
        carry: {s: "x[:, 0] * 0"}
        body:
          - eval: {expr: "s + a * b", as: s}
          - eval: {expr: "a - b", as: d}
        emit: [s, d]
        as: [sums, differences]
  outputs: [sums, differences, s]
)y",
                    {{"x", batch_spec({2, 4, 3})}, {"m", batch_spec({2, 4, 1})}});
  const Tensor x = random({2, 4, 3});
  const Tensor w = random({2, 4, 1}, 1);
  const Outputs out = run(*m, {x, w});
  check_close(out[0], flip(cumsum(flip(x * w, {1}), 1), {1}));
  check_close(out[1], x - w);
  check_close(out[2], sum(x * w, {1}));
}

TEST_CASE("if runs one branch, and only its weights get a gradient") {
  auto m = ready(R"y(
model:
  - linear: {out: 4, as: h}
  - if:
      cond: "mean(it) > 0"
      then: [linear: 4, relu]
      else: [linear: 4, {eval: "it * 2 + h"}]
)y",
                 {5, 3});
  CHECK(names(*m)[2] == "if_1.then.linear_1.weight");
  CHECK(names(*m)[4] == "if_1.else.linear_1.weight");
  const auto layer = [&](const std::string& name, const Tensor& in) {
    return linear(in, variable(*m, name + ".weight"), variable(*m, name + ".bias"));
  };
  bool seen[2] = {};
  for (uint32_t i = 0; i < 8; ++i) {
    const Tensor x = random({5, 3}, i / 2) * (i % 2 == 0 ? 30.0 : -30.0);
    const Tensor h = layer("linear_1", x);
    const bool then = mean(h).item() > 0;
    seen[then ? 1 : 0] = true;
    const Tensor y = run(*m, {x})[0];
    check_close(y, then ? relu(layer("if_1.then.linear_1", h)) : layer("if_1.else.linear_1", h) * 2.0 + h);
    for (const nn::Variable& v : m->variables()) v.value.set_grad({});
    backward(sum(y));
    CHECK(variable(*m, "if_1.then.linear_1.weight").grad().defined() == then);
    CHECK(variable(*m, "if_1.else.linear_1.weight").grad().defined() == !then);
    CHECK(variable(*m, "linear_1.weight").grad().defined());
  }
  CHECK(seen[0]);
  CHECK(seen[1]);
}

TEST_CASE("if without else passes its input on; emit gives several values") {
  auto m = ready("model: [if: {cond: 'sum(it) > 0', then: [eval: 'it * 10']}]", {2});
  CHECK(run(*m, {Tensor::from<float>({1, 2}, {2})})[0].to_vector<double>() == std::vector<double>{10, 20});
  CHECK(run(*m, {Tensor::from<float>({-1, -2}, {2})})[0].to_vector<double>() == std::vector<double>{-1, -2});
  auto two = ready(R"y(
model:
  steps:
    - eval: {expr: "it + 1", as: a}
    - if:
        cond: "all(a > 0)"
        then: [eval: {expr: "a * 2", as: b}]
        else: [eval: {expr: "a * 3", as: b}, eval: {expr: "b * 0", as: a}]
        emit: [a, b]
  outputs: [a, b]
)y",
                   {2});
  const Outputs yes = run(*two, {Tensor::from<float>({0, 1}, {2})});
  CHECK(yes[0].to_vector<double>() == std::vector<double>{1, 2});
  CHECK(yes[1].to_vector<double>() == std::vector<double>{2, 4});
  const Outputs no = run(*two, {Tensor::from<float>({-3, 1}, {2})});
  CHECK(no[0].to_vector<double>() == std::vector<double>{0, 0});
  CHECK(no[1].to_vector<double>() == std::vector<double>{-6, 6});
}

TEST_CASE("constructs nest: a loop with an if in a scan in a residual") {
  auto m = ready(R"y(
model:
  - residual:
      - scan:
          carry: {s: "input[:, 0] * 0"}
          body:
            - loop:
                in: item
                carry: {v: it}
                while: "sum(abs(v)) < 10"
                max: 20
                body:
                  - if: {in: v, cond: "sum(v) > 0", then: [eval: "it * 2"], else: [eval: "it * -3"]}
                  - eval: {expr: "it + 0 * s", as: v}
            - eval: {expr: "s + v", as: s}
)y",
                 {1, 3, 2});
  const auto y = run(*m, {Tensor::from<float>({1, 0, -1, 0, 20, 1}, {1, 3, 2})})[0].to_vector<double>();
  // 1 -> 2, 4, 8, 16; -1 -> 3, 6, 12; 20, 1 at once; running sums; plus the input.
  CHECK(y == std::vector<double>{17, 0, 27, 0, 68, 2});
}

TEST_CASE("an error in a loop names the iteration, the loop and the line") {
  auto m = ready(R"y(
model:
  - linear: 4
  - loop:
      carry: {h: it, n: 0}
      max: 5
      body:
        - eval: {expr: "h + 1", as: h}
        - eval: {expr: "n + 1", as: n}
        - assert: {cond: "n < 3", message: too far}
)y",
                 {2, 3});
  try {
    run(*m, {random({2, 3})});
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.kind == ErrorKind::kNumeric);
    CHECK(e.message == "too far (assertion n < 3)");
    CHECK(e.where == "x.yaml:10:11");
    CHECK(e.context == Strings{"in model[1].loop.body[2]", "in iteration 3 of loop_1", "in model[1]"});
  }
  auto scan = ready("model:\n  - scan:\n      body:\n        - eval: it\n        - assert: 'all(it < 5)'\n",
                    {2, 6, 1});
  std::vector<float> values(12, 0.0F);
  values[3] = 9;
  try {
    run(*scan, {Tensor::from<float>(values, {2, 6, 1})});
    FAIL("no error");
  } catch (const Error& e) {
    CHECK(e.message == "assertion failed: all(it < 5)");
    CHECK(e.context[1] == "in step 4 of scan_1");
  }
}

TEST_CASE("a loop without gradients keeps no more than one iteration's values") {
  auto m = ready("model: [loop: {max: 30, body: [tanh, eval: 'it * 1.5']}]", {256, 1024});
  const Tensor x = random({256, 1024});
  const NoGrad no_grad;
  const size_t before = cpu_allocator_stats().live_bytes;
  reset_cpu_allocator_peak();
  const Tensor y = run(*m, {x})[0];
  const size_t one = size_t{256} * 1024 * 4;
  CHECK(cpu_allocator_stats().peak_bytes - before < one * 5 / 2);
  CHECK(cpu_allocator_stats().live_bytes - before < one * 3 / 2);
}

TEST_CASE("dropout draws anew in each iteration") {
  auto m = ready(
      "model: {steps: [loop: {carry: {h: it}, max: 2, body: [dropout: {in: h, p: 0.5}, eval: {expr: 'it', "
      "as: h}]}]}",
      {1, 4000});
  nn::Context context{true, 1, 0};
  const Tensor y = m->forward(context, ones({1, 4000}));
  int kept = 0;
  for (const double v : y.to_vector<double>()) {
    CHECK((v == 0 || v == 4));
    kept += v != 0 ? 1 : 0;
  }
  CHECK(std::abs(kept - 1000) < 120);  // a quarter, where the same mask twice would leave a half
}

TEST_CASE("print passes its input on, only in some batches") {
  auto m =
      ready("model: [print: {expr: [it, 'mean(it)'], label: here, every: 2}, print, eval: 'it + 1']", {2});
  CHECK(run(*m, {Tensor::from<float>({1, 2}, {2})})[0].to_vector<double>() == std::vector<double>{2, 3});
}

// Hidden: `test_model "[timing]"` prints what a step of a loop's body costs beyond its operator.
TEST_CASE("cost of a loop's steps", "[.timing]") {
  auto m = ready(
      "model: [loop: {carry: {h: it}, max: 100000, body: [relu: {in: h}, relu, relu, relu, relu, relu, relu, "
      "relu, relu, relu: {as: h}]}]",
      {4});
  auto formulas = ready(
      "model: [loop: {carry: {h: it}, while: 'sum(h) < 100', max: 100000, body: [eval: {expr: 'h * 0.5 + 1', "
      "as: h}]}]",
      {4});
  const Tensor x = random({4});
  const NoGrad no_grad;
  const auto seconds = [](const auto& work) {
    const auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const double plain = seconds([&] {
    Tensor h = x;
    for (int i = 0; i < 1'000'000; ++i) h = relu(h);
  });
  const double loop = seconds([&] { run(*m, {x}); });
  const double computed = seconds([&] { run(*formulas, {x}); });
  const double written = seconds([&] {
    Tensor h = x;
    for (int i = 0; i < 100'000 && sum(h).item() < 100; ++i) h = h * 0.5 + 1.0;
  });
  WARN("relu alone " << plain * 1e3 << " ns, as a step " << loop * 1e3 << " ns; an iteration of formulas "
                     << computed * 1e4 << " ns, written in C++ " << written * 1e4 << " ns");
}
