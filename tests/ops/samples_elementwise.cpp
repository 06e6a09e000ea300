#include "dlb/ops/binary.h"
#include "dlb/ops/binary_defs.h"
#include "dlb/ops/unary.h"
#include "samples.h"

namespace dlb::testing {

namespace {

using Unary = Tensor (*)(const Tensor&);
using Binary = Tensor (*)(const Tensor&, const Tensor&);

const std::vector<DType> kIntegers = {DType::kInt64, DType::kInt32, DType::kUInt8, DType::kBool};

}  // namespace

void add_unary_samples(SampleTable& t) {
  const Sample real;
  const Sample numeric{.rejects = {DType::kBool}};
  const Sample jumps{.rejects = {DType::kBool}, .compare_16_bit = false};
  const Sample predicate{.gradient = false};
  const auto unary = [&](const char* name, Unary f, Range range, const Sample& base) {
    add_unary(t, name, f, range, base);
  };

  unary("neg", neg, {}, numeric);
  unary("abs", abs, {0.1, 2}, numeric);
  unary("sign", sign, {0.1, 2}, real);
  unary("square", square, {}, real);
  unary("exp", exp, {-3, 3}, real);
  unary("expm1", expm1, {-3, 3}, real);
  unary("log", log, {0.2, 3}, real);
  unary("log1p", log1p, {-0.7, 3}, real);
  unary("log2", log2, {0.2, 3}, real);
  unary("log10", log10, {0.2, 3}, real);
  unary("sqrt", sqrt, {0.2, 3}, real);
  unary("rsqrt", rsqrt, {0.3, 3}, real);
  unary("reciprocal", reciprocal, {0.3, 3}, real);
  unary("sin", sin, {-4, 4}, real);
  unary("cos", cos, {-4, 4}, real);
  unary("tan", tan, {-1.2, 1.2}, real);
  unary("asin", asin, {-0.9, 0.9}, real);
  unary("acos", acos, {-0.9, 0.9}, real);
  unary("atan", atan, {-3, 3}, real);
  unary("sinh", sinh, {}, real);
  unary("cosh", cosh, {}, real);
  unary("tanh", tanh, {-3, 3}, real);
  unary("erf", erf, {-3, 3}, real);
  unary("floor", floor, {0.1, 0.9}, jumps);
  unary("ceil", ceil, {0.1, 0.9}, jumps);
  unary("round", round, {0.6, 1.4}, jumps);
  unary("trunc", trunc, {-0.9, 0.9}, jumps);
  unary("isnan", isnan, {}, predicate);
  unary("isinf", isinf, {}, predicate);
  unary("isfinite", isfinite, {}, predicate);
  unary("logical_not", logical_not, {-1, 1}, predicate);
  unary("sigmoid", sigmoid, {-4, 4}, real);
  unary("exp2", exp2, {-3, 3}, real);
  unary("asinh", asinh, {}, real);
  unary("acosh", acosh, {1.2, 3}, real);
  unary("atanh", atanh, {-0.8, 0.8}, real);
  unary("erfc", erfc, {-2, 2}, real);
  unary("isposinf", isposinf, {}, predicate);
  unary("isneginf", isneginf, {}, predicate);
  unary("signbit", signbit, {}, predicate);
  t["bitwise_not"] = {{.inputs = {cast(values({7}, -9, 9), DType::kInt32)}, .call = on_one(bitwise_not)},
                      {.inputs = {cast(values({0}), DType::kInt64)}, .call = on_one(bitwise_not)}};
  add_unary(t, "clamp", [](const Tensor& x) { return clamp(x, -0.5, 0.75); }, {-0.4, 0.7});
  add_unary(t, "clamp", [](const Tensor& x) { return clamp(x, -0.5, 0.75); }, {0.8, 2});
  add_unary(t, "pow_scalar", [](const Tensor& x) { return pow(x, 3); }, {},
            {.rejects = {DType::kBool}, .tolerance = 4});
  add_unary(t, "pow_scalar", [](const Tensor& x) { return pow(x, -1.5); }, {0.5, 2}, {.rejects = kIntegers});
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
  binary("fmax", fmax, {-2, 0}, {0.1, 2});
  binary("fmin", fmin, {-2, 0}, {0.1, 2});
  const Sample floats{.rejects = kIntegers};
  binary("hypot", hypot, {0.5, 2}, {0.5, 2}, floats);
  binary("copysign", copysign, {0.5, 2}, {-2, -0.5});
  binary("nextafter", nextafter, {0.5, 1}, {1.5, 2},
         {.second_order = false,
          .rejects = {DType::kInt64, DType::kInt32, DType::kUInt8, DType::kBool, DType::kBFloat16,
                      DType::kFloat16}});
  binary("trunc_divide", trunc_divide, {5.3, 5.6}, {2, 2.5}, no_bool);
  binary("floor_divide", floor_divide, {-5.6, -5.3}, {2, 2.5}, no_bool);
  for (const auto& [name, f] :
       std::vector<std::pair<std::string, Binary>>{{"bitwise_and", bitwise_and},
                                                   {"bitwise_or", bitwise_or},
                                                   {"bitwise_xor", bitwise_xor},
                                                   {"bitwise_left_shift", bitwise_left_shift},
                                                   {"bitwise_right_shift", bitwise_right_shift},
                                                   {"gcd", gcd},
                                                   {"lcm", lcm}}) {
    const auto add = [&, &key = name, fn = f](const Shape& a, const Shape& b, DType dtype, bool large) {
      t[key].push_back({.inputs = {cast(values(a, -99, 99, 11), dtype), cast(values(b, 0, 9, 12), dtype)},
                        .call = on_two(fn),
                        .large = large});
    };
    add({2, 3}, {3}, DType::kInt64, false);
    add({4}, {}, DType::kUInt8, false);
    add({0}, {1}, DType::kInt32, false);
    add({300, 333}, {300, 333}, DType::kInt32, true);
  }
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
    const auto add = [&, &key = name, fn = f](Shape shape, bool large) {
      t[key].push_back({.inputs = {values(shape, -2, 2, 6), values(shape, 0.1, 0.9, 7)},
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
