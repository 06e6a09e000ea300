// Elementwise operators of ONNX. Whole numbers of types that tensors do not have are computed in their
// carrier and wrapped back by Call::same_type().
#include <cmath>
#include <limits>

#include "dlb/graph/operator_parts.h"
#include "dlb/ops/activation.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/pointwise.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb::graph {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

template <Tensor (*F)(const Tensor&)>
void unary(Call& c) {
  c.same_type(F(c.tensor(0)));
}

/// The second operand as ONNX of opset 6 and before aligns it: its dimensions stand from `axis` on.
Tensor aligned(const Call& c) {
  Tensor b = c.tensor(1);
  if (!c.has_attribute("axis") || c.opset() >= 7) return b;
  const int rank = c.tensor(0).rank();
  const int64_t after = rank - c.axis(c.required("axis"), rank) - b.rank();
  for (int64_t i = 0; i < after; ++i) b = unsqueeze(b, -1);
  return b;
}

template <Tensor (*F)(const Tensor&, const Tensor&)>
void binary(Call& c) {
  c.same_type(F(c.tensor(0), aligned(c)));
}

Tensor ordered(const Call& c, const Tensor& x) { return ordered(x, c.element(0)); }

template <Tensor (*F)(const Tensor&, const Tensor&)>
void comparison(Call& c) {
  if (c.value(0).is_texts()) {
    const Texts& a = c.texts(0);
    const Texts& b = c.texts(1);
    if (a.shape != b.shape && a.items.size() != 1 && b.items.size() != 1)
      c.unsupported("texts of different shapes are not broadcast");
    const Shape& shape = a.items.size() >= b.items.size() ? a.shape : b.shape;
    Tensor out = Tensor::empty(shape, DType::kBool);
    for (int64_t i = 0; i < out.numel(); ++i) {
      const auto at = [&](const Texts& t) -> const std::string& {
        return t.items[t.items.size() == 1 ? 0 : static_cast<size_t>(i)];
      };
      out.data<bool>()[i] = at(a) == at(b);
    }
    return c.plain(out);
  }
  c.plain(F(ordered(c, c.tensor(0)), ordered(c, aligned(c))));
}

template <Tensor (*F)(const Tensor&, const Tensor&)>
void logical(Call& c) {
  c.plain(F(c.tensor(0), aligned(c)));
}

/// A quotient of two uint64 numbers; 0 where the divisor is 0.
int64_t unsigned_quotient(int64_t a, int64_t b) {
  return b == 0 ? 0 : static_cast<int64_t>(static_cast<uint64_t>(a) / static_cast<uint64_t>(b));
}
int64_t unsigned_rest(int64_t a, int64_t b) {
  return b == 0 ? 0 : static_cast<int64_t>(static_cast<uint64_t>(a) % static_cast<uint64_t>(b));
}

Tensor of_unsigned(const Tensor& a, const Tensor& b, int64_t (*f)(int64_t, int64_t)) {
  const Shape shape = broadcast_shapes(a.shape(), b.shape());
  const std::vector<int64_t> x = expand(a, shape).to_vector<int64_t>(),
                             y = expand(b, shape).to_vector<int64_t>();
  std::vector<int64_t> out(x.size());
  for (size_t i = 0; i < x.size(); ++i) out[i] = f(x[i], y[i]);
  return Tensor::from(out, shape);
}

void division(Call& c) {
  const Tensor a = c.tensor(0), b = aligned(c);
  if (is_float(c.element(0))) return c.same_type(div(a, b));
  if (c.element(0) == Element::kUInt64 && !a.is_meta() && !b.is_meta())
    return c.same_type(of_unsigned(a, b, &unsigned_quotient));
  c.same_type(trunc_divide(a, b));
}

void modulo(Call& c) {
  const Tensor a = c.tensor(0), b = c.tensor(1);
  if (c.attribute("fmod", int64_t{0}) != 0) return c.same_type(fmod(a, b));
  if (c.element(0) == Element::kUInt64 && !a.is_meta() && !b.is_meta())
    return c.same_type(of_unsigned(a, b, &unsigned_rest));
  c.same_type(remainder(a, b));
}

void power(Call& c) {
  const Tensor x = c.tensor(0);
  Tensor exponent = aligned(c);
  const DType type = x.dtype();
  if (is_floating(type) && is_floating(exponent.dtype()))
    return c.same_type(cast(pow(x, cast(exponent, type)), type));
  if (is_floating(type)) return c.same_type(pow(x, cast(exponent, type)));
  // Whole numbers to a power that may be negative or broken: exact enough in 53 bits only for floats.
  if (is_floating(exponent.dtype()))
    return c.same_type(cast(pow(cast(x, DType::kFloat64), cast(exponent, DType::kFloat64)), type));
  c.same_type(cast(pow(cast(x, DType::kInt64), cast(exponent, DType::kInt64)), type));
}

void shift(Call& c) {
  const std::string direction = c.attribute("direction", "");
  if (direction != "LEFT" && direction != "RIGHT")
    c.fail("direction must be LEFT or RIGHT, got '{}'", direction);
  const Tensor a = c.tensor(0), b = c.tensor(1);
  if (direction == "LEFT") return c.same_type(bitwise_left_shift(a, b));
  if (c.element(0) == Element::kUInt64 && !a.is_meta() && !b.is_meta()) {
    return c.same_type(of_unsigned(a, b, [](int64_t x, int64_t n) {
      return n > 63 ? 0 : static_cast<int64_t>(static_cast<uint64_t>(x) >> static_cast<uint64_t>(n));
    }));
  }
  c.same_type(bitwise_right_shift(a, b));
}

/// Max, Min, Sum and Mean of any number of tensors.
template <Tensor (*F)(const Tensor&, const Tensor&)>
Tensor folded(Call& c) {
  Tensor result = c.tensor(0);
  for (size_t i = 1; i < c.inputs(); ++i) result = F(result, c.tensor(i));
  return result;
}
template <Tensor (*F)(const Tensor&, const Tensor&)>
void variadic(Call& c) {
  c.same_type(folded<F>(c));
}
template <Tensor (*F)(const Tensor&, const Tensor&)>
void ordered_variadic(Call& c) {
  Tensor result = ordered(c, c.tensor(0));
  for (size_t i = 1; i < c.inputs(); ++i) result = F(result, ordered(c, c.tensor(i)));
  c.same_type(ordered(c, result));
}
void mean_of(Call& c) {
  c.same_type(div(folded<add>(c), full({}, static_cast<double>(c.inputs()), c.tensor(0).dtype())));
}

void clip(Call& c) {
  Tensor x = c.tensor(0);
  if (c.opset() < 11)
    return c.same_type(clamp(x, c.attribute("min", -kInfinity), c.attribute("max", kInfinity)));
  x = ordered(c, x);
  // The upper limit wins where the limits cross, as minimum(maximum(x, low), high).
  if (c.has(1)) x = maximum(x, ordered(c, c.tensor(1)));
  if (c.has(2)) x = minimum(x, ordered(c, c.tensor(2)));
  c.same_type(ordered(c, x));
}

void cast_to(Call& c, Element to) {
  const bool saturate = c.attribute("saturate", int64_t{1}) != 0;
  const Value& v = c.value(0);
  if (v.is_texts()) {
    if (to == Element::kString) return c.output(v);
    Tensor out = Tensor::empty(v.texts->shape, DType::kFloat64);
    for (size_t i = 0; i < v.texts->items.size(); ++i) {
      const std::string& text = v.texts->items[i];
      char* end = nullptr;
      out.data<double>()[i] = std::strtod(text.c_str(), &end);
      if (text.empty() || *end != '\0') c.fail("'{}' is no number", text);
    }
    return c.output(Value(convert(out, Element::kFloat64, to, saturate), to));
  }
  if (to == Element::kString) {
    c.need_data(0);
    Texts texts{v.tensor.shape(), {}};
    if (is_floating(v.tensor.dtype())) {
      for (const float x : v.tensor.to_vector<float>()) {
        if (std::isnan(x)) {
          texts.items.emplace_back("NaN");
        } else if (std::isinf(x)) {
          texts.items.emplace_back(x > 0 ? "INF" : "-INF");
        } else {
          texts.items.push_back(fmt::format("{}", x));
        }
      }
    } else {
      for (const int64_t x : v.tensor.to_vector<int64_t>()) texts.items.push_back(std::to_string(x));
    }
    return c.output(Value(std::move(texts)));
  }
  c.output(Value(convert(c.tensor(0), v.element, to, saturate), to));
}
void cast_node(Call& c) { cast_to(c, element_from_number(c.required("to"))); }
void cast_like(Call& c) { cast_to(c, c.element(1)); }

void is_infinite(Call& c) {
  const bool negative = c.attribute("detect_negative", int64_t{1}) != 0;
  const bool positive = c.attribute("detect_positive", int64_t{1}) != 0;
  const Tensor x = c.tensor(0);
  if (negative && positive) return c.plain(isinf(x));
  if (positive) return c.plain(isposinf(x));
  if (negative) return c.plain(isneginf(x));
  c.plain(full(x.shape(), 0, DType::kBool));
}

void not_bits(Call& c) { c.same_type(bitwise_not(c.tensor(0))); }

void choose(Call& c) {
  if (c.value(1).is_texts()) {
    const Texts& a = c.texts(1);
    const Texts& b = c.texts(2);
    const std::vector<int64_t> condition = c.integers(0);
    if (a.items.size() != condition.size() || b.items.size() != condition.size())
      c.unsupported("texts are not broadcast");
    Texts out{a.shape, {}};
    for (size_t i = 0; i < condition.size(); ++i)
      out.items.push_back(condition[i] != 0 ? a.items[i] : b.items[i]);
    return c.output(Value(std::move(out)));
  }
  c.output(Value(where(c.tensor(0), c.tensor(1), c.tensor(2)), c.element(1)));
}

// Activations.
void leaky(Call& c) { c.same_type(leaky_relu(c.tensor(0), c.attribute("alpha", 0.01))); }
void elu_node(Call& c) { c.same_type(elu(c.tensor(0), c.attribute("alpha", 1.0))); }
void celu_node(Call& c) { c.same_type(celu(c.tensor(0), c.attribute("alpha", 1.0))); }
void selu_node(Call& c) {
  const double alpha = c.attribute("alpha", 1.67326319217681884765625);
  const double gamma = c.attribute("gamma", 1.05070102214813232421875);
  c.same_type(affine(elu(c.tensor(0), alpha), gamma, 0));
}
void gelu_node(Call& c) {
  const std::string kind = c.attribute("approximate", "none");
  if (kind != "none" && kind != "tanh") c.fail("approximate must be none or tanh, got '{}'", kind);
  c.same_type(gelu(c.tensor(0), kind == "tanh"));
}
void hard_sigmoid(Call& c) {
  c.same_type(clamp(affine(c.tensor(0), c.attribute("alpha", 0.2), c.attribute("beta", 0.5)), 0, 1));
}
void softplus_node(Call& c) { c.same_type(softplus(c.tensor(0))); }
void swish(Call& c) {
  const Tensor x = c.tensor(0);
  const double alpha = c.attribute("alpha", 1.0);
  c.same_type(alpha == 1 ? silu(x) : mul(x, sigmoid(affine(x, alpha, 0))));
}
void shrink(Call& c) {
  const Tensor x = c.tensor(0);
  const double lambda = c.attribute("lambd", 0.5), bias = c.attribute("bias", 0.0);
  const Tensor zero = zeros({}, x.dtype());
  const auto constant = [&](double v) { return full({}, v, x.dtype()); };
  const Tensor low = where(lt(x, -lambda), add(x, constant(bias)), zero);
  c.same_type(where(gt(x, lambda), sub(x, constant(bias)), low));
}
void thresholded(Call& c) { c.same_type(threshold(c.tensor(0), c.attribute("alpha", 1.0), 0)); }
void prelu_node(Call& c) {
  const Tensor x = c.tensor(0);
  Tensor slope = c.tensor(1);
  if (c.opset() < 7 && slope.rank() == 1) {  // one per channel
    for (int i = 2; i < x.rank(); ++i) slope = unsqueeze(slope, -1);
  }
  c.same_type(where(lt(x, 0.0), mul(x, slope), x));
}
void identity_node(Call& c) { c.output(c.has(0) ? c.value(0) : Value()); }
void round_node(Call& c) { c.same_type(round(c.tensor(0))); }

constexpr Operator kOperators[] = {
    {"Abs", &unary<abs>, 1, "", true, 1},
    {"Acos", &unary<acos>, 7, "", true, 1},
    {"Acosh", &unary<acosh>, 9, "", true, 1},
    {"Asin", &unary<asin>, 7, "", true, 1},
    {"Asinh", &unary<asinh>, 9, "", true, 1},
    {"Atan", &unary<atan>, 7, "", true, 1},
    {"Atanh", &unary<atanh>, 9, "", true, 1},
    {"BitwiseNot", &not_bits, 18, "", true, 1},
    {"Ceil", &unary<ceil>, 1, "", true, 1},
    {"Cos", &unary<cos>, 7, "", true, 1},
    {"Cosh", &unary<cosh>, 9, "", true, 1},
    {"Erf", &unary<erf>, 9, "", true, 1},
    {"Exp", &unary<exp>, 1, "", true, 1},
    {"Floor", &unary<floor>, 1, "", true, 1},
    {"HardSwish", &unary<hardswish>, 14, "", true, 1},
    {"IsNaN", [](Call& c) { c.plain(isnan(c.tensor(0))); }, 9, "", true, 1},
    {"Log", &unary<log>, 1, "", true, 1},
    {"Mish", &unary<mish>, 18, "", true, 1},
    {"Neg", &unary<neg>, 1, "", true, 1},
    {"Not", [](Call& c) { c.plain(logical_not(c.tensor(0))); }, 1, "", true, 1},
    {"Reciprocal", &unary<reciprocal>, 1, "", true, 1},
    {"Relu", &unary<relu>, 1, "", true, 1},
    {"Round", &round_node, 11, "", true, 1},
    {"Sigmoid", &unary<sigmoid>, 1, "", true, 1},
    {"Sign", &unary<sign>, 9, "", true, 1},
    {"Sin", &unary<sin>, 7, "", true, 1},
    {"Sinh", &unary<sinh>, 9, "", true, 1},
    {"Softsign", &unary<softsign>, 1, "", true, 1},
    {"Sqrt", &unary<sqrt>, 1, "", true, 1},
    {"Tan", &unary<tan>, 7, "", true, 1},
    {"Tanh", &unary<tanh>, 1, "", true, 1},
    {"Add", &binary<add>, 1, "", true, 2},
    {"Sub", &binary<sub>, 1, "", true, 2},
    {"Mul", &binary<mul>, 1, "", true, 2},
    {"Div", &division, 1, "", true, 2},
    {"Mod", &modulo, 10, "", true, 2},
    {"Pow", &power, 1, "", true, 2},
    {"BitShift", &shift, 11, "", true, 2},
    {"BitwiseAnd", &binary<bitwise_and>, 18, "", true, 2},
    {"BitwiseOr", &binary<bitwise_or>, 18, "", true, 2},
    {"BitwiseXor", &binary<bitwise_xor>, 18, "", true, 2},
    {"And", &logical<logical_and>, 1, "", true, 2},
    {"Or", &logical<logical_or>, 1, "", true, 2},
    {"Xor", &logical<logical_xor>, 1, "", true, 2},
    {"Equal", &comparison<eq>, 1, "", true, 2},
    {"Greater", &comparison<gt>, 1, "", true, 2},
    {"GreaterOrEqual", &comparison<ge>, 12, "", true, 2},
    {"Less", &comparison<lt>, 1, "", true, 2},
    {"LessOrEqual", &comparison<le>, 12, "", true, 2},
    {"Max", &ordered_variadic<maximum>, 1, "", true, 1},
    {"Min", &ordered_variadic<minimum>, 1, "", true, 1},
    {"Sum", &variadic<add>, 1, "", true, 1},
    {"Mean", &mean_of, 1, "", true, 1},
    {"Clip", &clip, 1, "", true, 1},
    {"Cast", &cast_node, 1, "", true, 1},
    {"CastLike", &cast_like, 15, "", true, 2},
    {"IsInf", &is_infinite, 10, "", true, 1},
    {"Where", &choose, 9, "", true, 3},
    {"LeakyRelu", &leaky, 1, "", true, 1},
    {"Elu", &elu_node, 1, "", true, 1},
    {"Celu", &celu_node, 12, "", true, 1},
    {"Selu", &selu_node, 1, "", true, 1},
    {"Gelu", &gelu_node, 20, "", true, 1},
    {"HardSigmoid", &hard_sigmoid, 1, "", true, 1},
    {"Softplus", &softplus_node, 1, "", true, 1},
    {"Swish", &swish, 24, "", true, 1},
    {"Shrink", &shrink, 9, "", true, 1},
    {"ThresholdedRelu", &thresholded, 10, "", true, 1},
    {"PRelu", &prelu_node, 1, "", true, 2},
    {"Identity", &identity_node, 1, "", true, 0},
};

}  // namespace

std::span<const Operator> elementwise_operators() { return kOperators; }

}  // namespace dlb::graph
