// Expressions on tensors: what they compute, and what is wrong with them.

#include "dlb/ops/binary.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"
#include "model/run_support.h"

using namespace dlb;
using namespace dlb::model;
using Catch::Matchers::Contains;

namespace {

/// The value of an expression over x = [[1, 2, 3], [4, 5, 6]] as `it`, `input` and `x`.
Tensor value(const std::string& expression, const std::string& vars = "{n: 2, s: 0.5}") {
  auto m = ready("vars: " + vars + "\nmodel:\n  inputs: {x: float}\n  steps:\n    - eval: \"" + expression +
                     "\"\n    - eval: \"it + ($n + $s) * 0\"\n",
                 {2, 3});
  return run(*m, {Tensor::from<float>({1, 2, 3, 4, 5, 6}, {2, 3})})[0];
}
std::vector<double> values(const std::string& expression) { return value(expression).to_vector<double>(); }
using V = std::vector<double>;

std::string wrong(const std::string& expression) {
  return errors_of("model:\n  - eval: \"" + expression + "\"\n", {2, 3});
}

}  // namespace

TEST_CASE("operators by precedence, as PyTorch computes them") {
  CHECK(values("it + 1") == V{2, 3, 4, 5, 6, 7});
  CHECK(values("1 - it") == V{0, -1, -2, -3, -4, -5});
  CHECK(values("2 * x + input * 3") == V{5, 10, 15, 20, 25, 30});
  CHECK(values("-x ** 2") == V{-1, -4, -9, -16, -25, -36});
  CHECK(values("x / 2") == V{0.5, 1, 1.5, 2, 2.5, 3});
  CHECK(values("6 / x") == V{6, 3, 2, 1.5, 1.2F, 1});
  CHECK(values("x // 2") == V{0, 1, 1, 2, 2, 3});
  CHECK(values("x % 4") == V{1, 2, 3, 0, 1, 2});
  CHECK(values("2 ** x") == V{2, 4, 8, 16, 32, 64});
  CHECK(values("x @ transpose(x, 0, 1)") == V{14, 32, 32, 77});
  CHECK(values("float(x > 2 and x <= 5)") == V{0, 0, 1, 1, 1, 0});
  CHECK(values("float(not (x == 2) or x < 0)") == V{1, 0, 1, 1, 1, 1});
  CHECK(values("where(2 < x, x, 0.0)") == V{0, 0, 3, 4, 5, 6});
  CHECK(values("+x") == V{1, 2, 3, 4, 5, 6});
}

TEST_CASE("numbers among themselves are computed as in $(...)") {
  CHECK(values("x * (7 // 2)") == V{3, 6, 9, 12, 15, 18});
  CHECK(values("x * (rows(x) ** 2)") == V{4, 8, 12, 16, 20, 24});
  CHECK(values("x * max(1, size(x, -1), rank(x))") == V{3, 6, 9, 12, 15, 18});
  CHECK(values("x * sqrt(4) + numel(x)") == V{8, 10, 12, 14, 16, 18});
  CHECK(values("x * $n + $(n * s)") == V{3, 5, 7, 9, 11, 13});
  CHECK(values("reshape(x, [-1])[rows(x)]") == V{3});
}

TEST_CASE("functions by position and by name") {
  CHECK(values("sum(x, dim=1)") == V{6, 15});
  CHECK(values("mean(x, 0, keepdim=true)") == V{2.5, 3.5, 4.5});
  CHECK(values("cat([x, x], 1)") == V{1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6});
  CHECK(values("zeros([rows(x), 1])") == V{0, 0});
  CHECK(values("ones(2, 2)") == V{1, 1, 1, 1});
  CHECK(values("clamp(x, min=2, max=5)") == V{2, 2, 3, 4, 5, 5});
  CHECK(values("max(x, 1)[0]") == V{3, 6});
  CHECK(values("cast(x, int64) // 4 + int(0.5)") == V{0, 0, 0, 1, 1, 1});
  CHECK(value("cast(x, int64) * 2").dtype() == DType::kFloat32);  // the second step adds a float
  CHECK(values("one_hot(cast(x[0], int64), num_classes=4)") == V{0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1});
  CHECK(values("softmax(x * 0, -1)")[0] == Approx(1.0 / 3));
}

TEST_CASE("indices and slices") {
  CHECK(values("x[0]") == V{1, 2, 3});
  CHECK(values("x[:, 0]") == V{1, 4});
  CHECK(values("x[..., -1]") == V{3, 6});
  CHECK(values("x[1, 1:]") == V{5, 6});
  CHECK(values("x[:, ::2]") == V{1, 3, 4, 6});
  CHECK(values("x[:, -2:-1]") == V{2, 5});
  CHECK(value("x[none, :, none]").shape() == Shape{1, 2, 1, 3});
  CHECK(values("x[:, [2, 0]]") == V{3, 1, 6, 4});
  CHECK(values("x[cast(x[0, :2], int64) - 1, 1]") == V{2, 5});
  CHECK(values("split(x, 1, 1)[2]") == V{3, 6});
}

TEST_CASE("an expression may give several outputs, and numbers become tensors") {
  auto m = ready(
      "model:\n  steps: [eval: {expr: 'split(it, 1, 1)', as: [a, b, c]}, eval: 'rows(a)', "
      "eval: {expr: '[b - a, it]', as: [d, n]}]\n  outputs: [d, n]",
      {2, 3});
  const Outputs out = run(*m, {Tensor::from<float>({1, 2, 3, 4, 5, 7}, {2, 3})});
  CHECK(out[0].to_vector<double>() == V{1, 1});
  CHECK(out[1].dtype() == DType::kInt64);
  CHECK(out[1].item() == 2);
}

TEST_CASE("random functions draw anew in each pass, the same ones for the same step") {
  auto m = ready("model: [eval: 'it * 0 + randn_like(it) + 0 * rand([4, 1000])']", {4, 1000});
  const Tensor x = random({4, 1000});
  nn::Context a{true, 3, 1};
  nn::Context b{true, 3, 1};
  nn::Context c{true, 3, 2};
  const auto first = m->forward(a, x).to_vector<double>();
  CHECK(first == m->forward(b, x).to_vector<double>());
  CHECK(first != m->forward(c, x).to_vector<double>());
  double total = 0, squares = 0;
  for (const double v : first) {
    total += v;
    squares += v * v;
  }
  CHECK(std::abs(total / 4000) < 0.08);
  CHECK(squares / 4000 == Approx(1).epsilon(0.08));
}

TEST_CASE("gradients flow through expressions, and not through detach") {
  auto m = ready(
      "model: [linear: {out: 3, as: h}, eval: 'h * sigmoid(h) + detach(h) ** 2 - mean(h, 1, keepdim=true)']",
      {2, 3});
  const std::vector<Tensor> x = {random({2, 3})};
  const Tensor w = variable(*m, "linear_1.weight");
  const Tensor b = variable(*m, "linear_1.bias");
  const Tensor h = linear(x[0], w, b);
  const Tensor y = h * sigmoid(h) + pow(h.detach(), 2.0) - mean(h, {1}, true);
  backward(sum(y));
  const Tensor expected = w.grad();
  w.set_grad({});
  backward(sum(run(*m, x)[0]));
  check_close(w.grad(), expected);
}

TEST_CASE("what is wrong with an expression, at its column") {
  CHECK(wrong("it + y") ==
        "x.yaml:2:17: error: unknown value 'y' in 'it + y'\n  in model[0].eval\n  hint: values here: input, "
        "it");
  CHECK_THAT(wrong("inptu * 2"), Contains("unknown value 'inptu' in 'inptu * 2'; did you mean 'input'?"));
  CHECK_THAT(
      wrong("sigmod(it)"),
      Contains("x.yaml:2:12: error: unknown function 'sigmod' in 'sigmod(it)'; did you mean 'sigmoid'?"));
  CHECK_THAT(wrong("it + + "), Contains("the expression ends too early"));
  CHECK_THAT(wrong("it[0"), Contains("']' is missing at the end"));
  CHECK_THAT(wrong("it[]"), Contains("unexpected ']'"));
  CHECK_THAT(wrong("mean(it, dim=0, 1)"), Contains("arguments by name come last"));
  CHECK_THAT(wrong("mean(it, dim=0, dim=1)"), Contains("mean gets 'dim' twice"));
  CHECK_THAT(wrong("mean(it, dims=0)"), Contains("mean: has no parameter 'dims'"));
  CHECK_THAT(wrong("mean(it, dim='x')"), Contains("dim is to be list of int?, got text"));
  CHECK_THAT(wrong("reshape(it, [4])"), Contains("x.yaml:2:12: error: reshape cannot view [2, 3] as [4]"));
  CHECK_THAT(wrong("1 + 2 * (it @ it)"), Contains("x.yaml:2:24: error"));
  CHECK_THAT(wrong("it + 'a'"), Contains("'+' cannot take tensor and text"));
  CHECK_THAT(wrong("it and true"), Contains("'and' needs true or false, got float32[2, 3]"));
  CHECK_THAT(wrong("nonzero(it)"), Contains("the result of nonzero has no shape before there are data"));
  CHECK_THAT(wrong("it[it > 0]"), Contains("how many elements a mask selects depends on the data"));
  CHECK_THAT(wrong("it[0, 0, 0]"), Contains("3 indices for a tensor of shape [2, 3]"));
  CHECK_THAT(wrong("it[2]"), Contains("index 2 is out of range"));
  CHECK_THAT(wrong("it[0.5]"),
             Contains("an index is a whole number, a slice, none, ... or a tensor, got float"));
  CHECK_THAT(wrong("it * $nope"), Contains("unknown name 'nope'"));
  CHECK_THAT(wrong("it * (1 // 0)"), Contains("division by zero"));
  CHECK_THAT(wrong("'text'"), Contains("the expression must give a tensor, got text"));
  CHECK_THAT(wrong("rows(1)"), Contains("rows: it needs a tensor, got int"));
  CHECK_THAT(wrong("rows(it, 1)"), Contains("rows: takes 1 arguments, got 2"));
  CHECK_THAT(wrong("a < b < c"), Contains("comparisons do not chain"));
  CHECK_THAT(wrong("it.shape"), Contains("unexpected '.shape' after the expression"));
}

TEST_CASE("hostile expressions on tensors end in an error") {
  const auto repeated = [](const std::string& token, int n) {
    std::string out;
    for (int i = 0; i < n; ++i) out += token;
    return out;
  };
  for (const char* token : {"(", "-", "not ", "mean(", "[", "it[", "it @ (", "1**", "it + "})
    CHECK(wrong(repeated(token, 20'000)).find("error") != std::string::npos);
  CHECK_THAT(wrong("zeros([1000000000000, 1000000000000])"), Contains("error"));
  CHECK_THAT(wrong("reshape(it, [9223372036854775807, 9223372036854775807])"), Contains("error"));
}
