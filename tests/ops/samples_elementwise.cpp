#include "dlb/ops/binary.h"
#include "dlb/ops/binary_defs.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb::testing {

namespace {

using Unary = Tensor (*)(const Tensor&);
using Binary = Tensor (*)(const Tensor&, const Tensor&);

const std::vector<DType> kIntegers = {DType::kInt64, DType::kInt32, DType::kUInt8, DType::kBool};

struct Range {
  double low = -2;
  double high = 2;
};

TensorFunction on_one(const std::function<Tensor(const Tensor&)>& f) {
  return [f](const std::vector<Tensor>& in) { return std::vector<Tensor>{f(in[0])}; };
}
TensorFunction on_two(const std::function<Tensor(const Tensor&, const Tensor&)>& f) {
  return [f](const std::vector<Tensor>& in) { return std::vector<Tensor>{f(in[0], in[1])}; };
}

/// Small, 0-d, empty and large samples of a function of one tensor.
void add_unary(SampleTable& table, const std::string& name, const std::function<Tensor(const Tensor&)>& f,
               Range range = {}, Sample base = {}) {
  std::vector<Sample>& list = table[name];
  const auto add = [&](Tensor x, bool large) {
    Sample s = base;
    s.inputs = {std::move(x)};
    s.call = on_one(f);
    s.large = large;
    list.push_back(std::move(s));
  };
  add(values({2, 3, 5}, range.low, range.high), false);
  add(values({}, range.low, range.high, 1), false);
  add(values({3, 0}), false);
  add(values({37}, range.low, range.high, 2), false);
  add(values({300, 333}, range.low, range.high, 3), true);
}

/// As add_unary: one shape, broadcasting both ways, 0-d, empty, large.
void add_binary(SampleTable& table, const std::string& name,
                const std::function<Tensor(const Tensor&, const Tensor&)>& f, Range a = {}, Range b = {},
                Sample base = {}) {
  std::vector<Sample>& list = table[name];
  const auto add = [&](const Shape& x, const Shape& y, bool large) {
    Sample s = base;
    s.inputs = {values(x, a.low, a.high, 4), values(y, b.low, b.high, 5)};
    s.call = on_two(f);
    s.large = large;
    list.push_back(std::move(s));
  };
  add({2, 3, 4}, {2, 3, 4}, false);
  add({3, 1, 2}, {4, 1}, false);
  add({5}, {}, false);
  add({}, {}, false);
  add({2, 0}, {1}, false);
  add({300, 333}, {300, 333}, true);
  add({300, 333}, {333}, true);
}

}  // namespace

void add_unary_samples(SampleTable& t) {
  const Sample floating{.rejects = kIntegers};
  const Sample numeric{.rejects = {DType::kBool}};
  const Sample jumps{.rejects = kIntegers, .compare_16_bit = false};
  const Sample predicate{.gradient = false};
  const auto unary = [&](const char* name, Unary f, Range range, const Sample& base) {
    add_unary(t, name, f, range, base);
  };

  unary("neg", neg, {}, numeric);
  unary("abs", abs, {0.1, 2}, numeric);
  unary("sign", sign, {0.1, 2}, numeric);
  unary("square", square, {}, numeric);
  unary("exp", exp, {-3, 3}, floating);
  unary("expm1", expm1, {-3, 3}, floating);
  unary("log", log, {0.2, 3}, floating);
  unary("log1p", log1p, {-0.7, 3}, floating);
  unary("log2", log2, {0.2, 3}, floating);
  unary("log10", log10, {0.2, 3}, floating);
  unary("sqrt", sqrt, {0.2, 3}, floating);
  unary("rsqrt", rsqrt, {0.3, 3}, floating);
  unary("reciprocal", reciprocal, {0.3, 3}, floating);
  unary("sin", sin, {-4, 4}, floating);
  unary("cos", cos, {-4, 4}, floating);
  unary("tan", tan, {-1.2, 1.2}, floating);
  unary("asin", asin, {-0.9, 0.9}, floating);
  unary("acos", acos, {-0.9, 0.9}, floating);
  unary("atan", atan, {-3, 3}, floating);
  unary("sinh", sinh, {}, floating);
  unary("cosh", cosh, {}, floating);
  unary("tanh", tanh, {-3, 3}, floating);
  unary("erf", erf, {-3, 3}, floating);
  unary("floor", floor, {0.1, 0.9}, jumps);
  unary("ceil", ceil, {0.1, 0.9}, jumps);
  unary("round", round, {0.6, 1.4}, jumps);
  unary("trunc", trunc, {-0.9, 0.9}, jumps);
  unary("isnan", isnan, {}, predicate);
  unary("isinf", isinf, {}, predicate);
  unary("isfinite", isfinite, {}, predicate);
  unary("logical_not", logical_not, {-1, 1}, predicate);
  unary("relu", relu, {0.1, 2}, floating);
  unary(
      "relu", [](const Tensor& x) { return relu(x); }, {-2, -0.1}, floating);
  unary("sigmoid", sigmoid, {-4, 4}, floating);
  unary("silu", silu, {-4, 4}, floating);
  add_unary(
      t, "gelu", [](const Tensor& x) { return gelu(x); }, {-3, 3}, floating);
  add_unary(
      t, "gelu", [](const Tensor& x) { return gelu(x, true); }, {-3, 3}, floating);
  add_unary(
      t, "softplus", [](const Tensor& x) { return softplus(x); }, {-4, 4}, floating);
  add_unary(
      t, "softplus", [](const Tensor& x) { return softplus(x, 2, 3); }, {1.6, 4}, floating);
  add_unary(
      t, "leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.2); }, {0.1, 2}, floating);
  add_unary(
      t, "leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.2); }, {-2, -0.1}, floating);
  add_unary(
      t, "elu", [](const Tensor& x) { return elu(x, 1.5); }, {-2, -0.1}, floating);
  add_unary(
      t, "elu", [](const Tensor& x) { return elu(x, 1.5); }, {0.1, 2}, floating);
  add_unary(t, "clamp", [](const Tensor& x) { return clamp(x, -0.5, 0.75); }, {-0.4, 0.7});
  add_unary(t, "clamp", [](const Tensor& x) { return clamp(x, -0.5, 0.75); }, {0.8, 2});
  add_unary(t, "pow_scalar", [](const Tensor& x) { return pow(x, 3); }, {},
            {.rejects = {DType::kBool}, .tolerance = 4});
  add_unary(
      t, "pow_scalar", [](const Tensor& x) { return pow(x, -1.5); }, {0.5, 2}, floating);
  add_unary(t, "affine", [](const Tensor& x) { return affine(x, -1.5, 0.25); });
  t["affine"].push_back(
      {.inputs = {values({4})}, .call = on_one([](const Tensor& x) { return 2.0 - x * 3.0; })});
  add_unary(t, "cast",
            [](const Tensor& x) {
              return cast(x, x.dtype() == DType::kFloat64 ? DType::kFloat32 : DType::kFloat64);
            },
            {}, {.gradient = false});
  add_unary(t, "cast", [](const Tensor& x) { return cast(cast(x, DType::kInt32), DType::kFloat32); },
            {5.2, 5.8}, {.gradient = false});
}

void add_binary_samples(SampleTable& t) {
  const auto binary = [&](const char* name, Binary f, Range a = {}, Range b = {}, const Sample& base = {}) {
    add_binary(t, name, f, a, b, base);
  };
  const Sample no_bool{.rejects = {DType::kBool}};
  const Sample predicate{.gradient = false};
  binary("add", add);
  binary("sub", sub, {}, {}, no_bool);
  binary("mul", mul);
  binary("div", div, {}, {0.5, 2});
  binary("pow", pow, {0.5, 2}, {-2, 2}, no_bool);
  binary("maximum", maximum, {-2, 0}, {0.1, 2});
  binary("maximum", maximum, {0.1, 2}, {-2, 0});
  binary("minimum", minimum, {-2, 0}, {0.1, 2});
  binary("minimum", minimum, {0.1, 2}, {-2, 0});
  binary("atan2", atan2, {0.5, 2}, {0.5, 2});
  binary("fmod", fmod, {5.3, 5.6}, {2, 2.5}, {.rejects = {DType::kBool}, .tolerance = 8});
  binary("remainder", remainder, {-5.6, -5.3}, {2, 2.5}, {.rejects = {DType::kBool}, .tolerance = 8});
  binary("eq", eq, {}, {}, predicate);
  binary("ne", ne, {}, {}, predicate);
  binary("lt", lt, {}, {}, predicate);
  binary("le", le, {}, {}, predicate);
  binary("gt", gt, {}, {}, predicate);
  binary("ge", ge, {}, {}, predicate);
  binary("logical_and", logical_and, {}, {}, predicate);
  binary("logical_or", logical_or, {}, {}, predicate);
  binary("logical_xor", logical_xor, {}, {}, predicate);

  for (const auto& [name, f] :
       std::vector<std::pair<std::string, Binary>>{{"relu_backward", relu_backward},
                                                   {"sigmoid_backward", sigmoid_backward},
                                                   {"tanh_backward", tanh_backward},
                                                   {"gelu_backward", gelu_backward},
                                                   {"silu_backward", silu_backward},
                                                   {"bce_with_logits", bce_with_logits_elements}}) {
    const auto add = [&, fn = f](Shape shape, bool large) {
      t[name].push_back({.inputs = {values(shape, -2, 2, 6), values(shape, 0.1, 0.9, 7)},
                         .call = on_two(fn),
                         .rejects = kIntegers,
                         .large = large});
    };
    add({3, 4}, false);
    add({}, false);
    add({0, 2}, false);
    add({300, 333}, true);
  }

  const auto choose = [](const Shape& condition, const Shape& a, const Shape& b, bool large) {
    const Tensor c = gt(values(condition, -1, 1, 8), 0);
    return Sample{
        .inputs = {values(a, -2, 2, 9), values(b, -2, 2, 10), c},
        .call = [](const std::vector<Tensor>& in) { return std::vector<Tensor>{where(in[2], in[0], in[1])}; },
        .large = large};
  };
  t["where"] = {choose({2, 3}, {2, 3}, {2, 3}, false), choose({3}, {2, 1}, {}, false),
                choose({0}, {1}, {0}, false), choose({}, {3}, {3}, false),
                choose({300, 333}, {300, 333}, {333}, true)};
}

}  // namespace dlb::testing
