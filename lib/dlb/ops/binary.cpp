#include "dlb/ops/binary.h"

#include <array>
#include <cmath>
#include <numbers>

#include "dlb/ops/binary_defs.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {

namespace {

Tensor scaled(const Tensor& x, double factor) { return affine(x, factor, -0.0); }
Tensor zero_of(const Tensor& like) { return full({}, 0, like.dtype(), like.device()); }

DType operands_dtype(const Infer& c) { return promote_operands(c.all()); }

void infer_arithmetic(Infer& c, const NoAttrs&) { elementwise_output(c, c.all(), operands_dtype(c)); }
void infer_no_bool(Infer& c, const NoAttrs&) {
  const DType dtype = operands_dtype(c);
  if (dtype == DType::kBool) c.fail_dtype("expects numeric dtypes, got bool and bool");
  elementwise_output(c, c.all(), dtype);
}
void infer_float_result(Infer& c, const NoAttrs&) {
  const DType dtype = operands_dtype(c);
  elementwise_output(c, c.all(), is_floating(dtype) ? dtype : DType::kFloat32);
}
void infer_bool(Infer& c, const NoAttrs&) { elementwise_output(c, c.all(), DType::kBool); }
void infer_backward(Infer& c, const NoAttrs&) {
  c.floating(0);
  c.floating(1);
  if (!(c.input(0).shape == c.input(1).shape)) {
    c.fail_shape("expects one shape, got {} and {}", shape_text(c.input(0).shape),
                 shape_text(c.input(1).shape));
  }
  elementwise_output(c, c.all(), operands_dtype(c));
}

using VjpFn = void (*)(Vjp&, const NoAttrs&);
using Table = std::array<OpDef, static_cast<size_t>(BinaryFn::kCount)>;

/// Gives operand i the gradient `g` of the broadcast result.
void give(Vjp& c, int i, const Tensor& g) { c.input_grad(i, operand_grad(g, c.input(i).spec())); }

void vjp_add(Vjp& c, const NoAttrs&) {
  if (c.needs(0)) give(c, 0, c.grad(0));
  if (c.needs(1)) give(c, 1, c.grad(0));
}
void vjp_sub(Vjp& c, const NoAttrs&) {
  if (c.needs(0)) give(c, 0, c.grad(0));
  if (c.needs(1)) give(c, 1, neg(c.grad(0)));
}
void vjp_mul(Vjp& c, const NoAttrs&) {
  if (c.needs(0)) give(c, 0, c.grad(0) * c.input(1));
  if (c.needs(1)) give(c, 1, c.grad(0) * c.input(0));
}
void vjp_div(Vjp& c, const NoAttrs&) {
  const Tensor q = c.grad(0) / c.input(1);
  if (c.needs(0)) give(c, 0, q);
  if (c.needs(1)) give(c, 1, neg(q * (c.input(0) / c.input(1))));
}
void vjp_pow(Vjp& c, const NoAttrs&) {
  const Tensor& a = c.input(0);
  const Tensor& b = c.input(1);
  // At b = 0 the power is the constant 1, at a = 0 < b the derivative by b is 0: the formulas would give 0 *
  // infinity.
  if (c.needs(0)) give(c, 0, where(eq(b, 0), zero_of(c.grad(0)), c.grad(0) * b * pow(a, b - 1.0)));
  if (c.needs(1)) {
    const Tensor at_zero = logical_and(eq(a, 0), ge(b, 0));
    const Tensor base = where(at_zero, full({}, 1, a.dtype(), a.device()), a);
    give(c, 1, where(at_zero, zero_of(c.grad(0)), c.grad(0) * pow(a, b) * log(base)));
  }
}
/// The gradient goes to the operand that was taken, half to each in a tie.
void give_taken(Vjp& c, const Tensor& first_wins) {
  const Tensor& g = c.grad(0);
  const Tensor tie = scaled(cast(eq(c.input(0), c.input(1)), g.dtype()), 0.5);
  const Tensor share = cast(first_wins, g.dtype()) + tie;
  if (c.needs(0)) give(c, 0, g * share);
  if (c.needs(1)) give(c, 1, g * affine(share, -1, 1));
}
void vjp_maximum(Vjp& c, const NoAttrs&) { give_taken(c, gt(c.input(0), c.input(1))); }
void vjp_minimum(Vjp& c, const NoAttrs&) { give_taken(c, lt(c.input(0), c.input(1))); }
void vjp_atan2(Vjp& c, const NoAttrs&) {
  const Tensor g = c.grad(0) / (square(c.input(0)) + square(c.input(1)));
  if (c.needs(0)) give(c, 0, g * c.input(1));
  if (c.needs(1)) give(c, 1, neg(g * c.input(0)));
}
void vjp_fmod(Vjp& c, const NoAttrs&) {
  if (c.needs(0)) give(c, 0, c.grad(0));
  if (c.needs(1)) give(c, 1, neg(c.grad(0) * trunc(c.input(0) / c.input(1))));
}
void vjp_remainder(Vjp& c, const NoAttrs&) {
  if (c.needs(0)) give(c, 0, c.grad(0));
  if (c.needs(1)) give(c, 1, neg(c.grad(0) * floor(c.input(0) / c.input(1))));
}

OpDef binary(std::string_view name, std::string_view doc, void (*infer)(Infer&, const NoAttrs&), VjpFn vjp,
             Saves saves, OnnxMapping onnx = {}) {
  return define<NoAttrs>({.name = name,
                          .doc = doc,
                          .infer = infer,
                          .vjp = vjp,
                          .saves = saves,
                          .cost = per_element<1>,
                          .elementwise = true,
                          .onnx = onnx});
}

Table make_table() {
  Table table;
  const auto at = [&](BinaryFn fn) -> OpDef& { return table[static_cast<size_t>(fn)]; };
  using enum BinaryFn;
  at(kAdd) = binary("add", "a + b", infer_arithmetic, vjp_add, Saves::kNothing, {"Add", 14});
  at(kSub) = binary("sub", "a - b", infer_no_bool, vjp_sub, Saves::kNothing, {"Sub", 14});
  at(kMul) = binary("mul", "a * b", infer_arithmetic, vjp_mul, Saves::kInputs, {"Mul", 14});
  at(kDiv) = binary("div", "a / b", infer_float_result, vjp_div, Saves::kInputs, {"Div", 14});
  at(kPow) = binary("pow", "a to the power of b", infer_no_bool, vjp_pow, Saves::kInputs, {"Pow", 15});
  at(kMaximum) =
      binary("maximum", "the larger of a and b", infer_arithmetic, vjp_maximum, Saves::kInputs, {"Max", 13});
  at(kMinimum) =
      binary("minimum", "the smaller of a and b", infer_arithmetic, vjp_minimum, Saves::kInputs, {"Min", 13});
  at(kAtan2) = binary("atan2", "angle of the point (b, a)", infer_float_result, vjp_atan2, Saves::kInputs);
  at(kFmod) = binary("fmod", "a - b * trunc(a / b)", infer_no_bool, vjp_fmod, Saves::kInputs, {"Mod", 13});
  at(kRemainder) =
      binary("remainder", "a - b * floor(a / b)", infer_no_bool, vjp_remainder, Saves::kInputs, {"Mod", 13});
  at(kEq) = binary("eq", "whether a = b", infer_bool, nullptr, Saves::kNothing, {"Equal", 13});
  at(kNe) = binary("ne", "whether a differs from b", infer_bool, nullptr, Saves::kNothing);
  at(kLt) = binary("lt", "whether a < b", infer_bool, nullptr, Saves::kNothing, {"Less", 13});
  at(kLe) = binary("le", "whether a <= b", infer_bool, nullptr, Saves::kNothing, {"LessOrEqual", 16});
  at(kGt) = binary("gt", "whether a > b", infer_bool, nullptr, Saves::kNothing, {"Greater", 13});
  at(kGe) = binary("ge", "whether a >= b", infer_bool, nullptr, Saves::kNothing, {"GreaterOrEqual", 16});
  at(kLogicalAnd) =
      binary("logical_and", "whether both are nonzero", infer_bool, nullptr, Saves::kNothing, {"And", 7});
  at(kLogicalOr) =
      binary("logical_or", "whether one is nonzero", infer_bool, nullptr, Saves::kNothing, {"Or", 7});
  at(kLogicalXor) = binary("logical_xor", "whether exactly one is nonzero", infer_bool, nullptr,
                           Saves::kNothing, {"Xor", 7});
  at(kReluBackward) = binary(
      "relu_backward", "g where y > 0, else 0", infer_backward,
      [](Vjp& c, const NoAttrs&) {  // piecewise constant in y
        if (c.needs(0)) c.input_grad(0, relu_backward(c.grad(0), c.input(1)));
      },
      Saves::kInputs);
  at(kSigmoidBackward) = binary(
      "sigmoid_backward", "g * y * (1 - y)", infer_backward,
      [](Vjp& c, const NoAttrs&) {
        const Tensor &u = c.grad(0), &g = c.input(0), &y = c.input(1);
        if (c.needs(0)) c.input_grad(0, sigmoid_backward(u, y));
        if (c.needs(1)) c.input_grad(1, u * g * affine(y, -2, 1));
      },
      Saves::kInputs);
  at(kTanhBackward) = binary(
      "tanh_backward", "g * (1 - y^2)", infer_backward,
      [](Vjp& c, const NoAttrs&) {
        const Tensor &u = c.grad(0), &g = c.input(0), &y = c.input(1);
        if (c.needs(0)) c.input_grad(0, tanh_backward(u, y));
        if (c.needs(1)) c.input_grad(1, u * g * scaled(y, -2));
      },
      Saves::kInputs);
  at(kGeluBackward) = binary(
      "gelu_backward", "g * (Phi(x) + x * phi(x))", infer_backward,
      [](Vjp& c, const NoAttrs&) {
        const Tensor &u = c.grad(0), &g = c.input(0), &x = c.input(1);
        if (c.needs(0)) c.input_grad(0, gelu_backward(u, x));
        if (!c.needs(1)) return;
        const Tensor x2 = square(x);
        const Tensor density = scaled(exp(scaled(x2, -0.5)), std::numbers::inv_sqrtpi / std::numbers::sqrt2);
        c.input_grad(1, u * g * (density * affine(x2, -1, 2)));
      },
      Saves::kInputs);
  at(kSiluBackward) = binary(
      "silu_backward", "g * s * (1 + x * (1 - s)), s = sigmoid(x)", infer_backward,
      [](Vjp& c, const NoAttrs&) {
        const Tensor &u = c.grad(0), &g = c.input(0), &x = c.input(1);
        if (c.needs(0)) c.input_grad(0, silu_backward(u, x));
        if (!c.needs(1)) return;
        const Tensor s = sigmoid(x);
        const Tensor slope = s * affine(s, -1, 1);
        c.input_grad(1, u * g * (slope * affine(x * affine(s, -2, 1), 1, 2)));
      },
      Saves::kInputs);
  at(kBceWithLogits) = binary(
      "bce_with_logits", "max(x, 0) - x * t + ln(1 + e^-|x|)", infer_backward,
      [](Vjp& c, const NoAttrs&) {
        const Tensor &g = c.grad(0), &x = c.input(0), &t = c.input(1);
        if (c.needs(0)) give(c, 0, g * (sigmoid(x) - t));
        if (c.needs(1)) give(c, 1, neg(g * x));
      },
      Saves::kInputs);
  return table;
}

Tensor run(BinaryFn fn, const Tensor& a, const Tensor& b) { return apply1(op::binary(fn), {a, b}); }

/// A number as an operand: 0-d, so that it does not raise the tensor's dtype within its category.
Tensor number(double value, const Tensor& beside) {
  const DType dtype = is_floating(beside.dtype())                              ? beside.dtype()
                      : value == std::floor(value) && std::abs(value) < 0x1p63 ? DType::kInt64
                                                                               : DType::kFloat32;
  return full({}, value, dtype, beside.device());
}

}  // namespace

const OpDef& op::binary(BinaryFn fn) {
  static const Table table = make_table();
  return table[static_cast<size_t>(fn)];
}

const OpDef& op::where() {
  static const OpDef op = define<NoAttrs>(
      {.name = "where",
       .doc = "a where the condition holds, else b",
       .infer =
           [](Infer& c, const NoAttrs&) {
             if (c.input(0).dtype != DType::kBool) {
               c.fail_dtype("expects a condition of dtype bool, got {}", dtype_name(c.input(0).dtype));
             }
             elementwise_output(c, c.all(), promote_operands(c.all().subspan(1)));
           },
       .vjp =
           [](Vjp& c, const NoAttrs&) {
             const Tensor zero = zero_of(c.grad(0));
             if (c.needs(1)) give(c, 1, where(c.input(0), c.grad(0), zero));
             if (c.needs(2)) give(c, 2, where(c.input(0), zero, c.grad(0)));
           },
       .cost = per_element<1>,
       .elementwise = true,
       .onnx = {"Where", 16}});
  return op;
}

std::span<const OpDef* const> binary_ops() {
  static const std::array<const OpDef*, static_cast<size_t>(BinaryFn::kCount) + 1> ops = [] {
    std::array<const OpDef*, static_cast<size_t>(BinaryFn::kCount) + 1> all{};
    for (size_t i = 0; i + 1 < all.size(); ++i) all[i] = &op::binary(static_cast<BinaryFn>(i));
    all.back() = &op::where();
    return all;
  }();
  return ops;
}

Tensor add(const Tensor& a, const Tensor& b) { return run(BinaryFn::kAdd, a, b); }
Tensor sub(const Tensor& a, const Tensor& b) { return run(BinaryFn::kSub, a, b); }
Tensor mul(const Tensor& a, const Tensor& b) { return run(BinaryFn::kMul, a, b); }
Tensor div(const Tensor& a, const Tensor& b) { return run(BinaryFn::kDiv, a, b); }
Tensor pow(const Tensor& a, const Tensor& b) { return run(BinaryFn::kPow, a, b); }
Tensor maximum(const Tensor& a, const Tensor& b) { return run(BinaryFn::kMaximum, a, b); }
Tensor minimum(const Tensor& a, const Tensor& b) { return run(BinaryFn::kMinimum, a, b); }
Tensor atan2(const Tensor& a, const Tensor& b) { return run(BinaryFn::kAtan2, a, b); }
Tensor fmod(const Tensor& a, const Tensor& b) { return run(BinaryFn::kFmod, a, b); }
Tensor remainder(const Tensor& a, const Tensor& b) { return run(BinaryFn::kRemainder, a, b); }
Tensor eq(const Tensor& a, const Tensor& b) { return run(BinaryFn::kEq, a, b); }
Tensor ne(const Tensor& a, const Tensor& b) { return run(BinaryFn::kNe, a, b); }
Tensor lt(const Tensor& a, const Tensor& b) { return run(BinaryFn::kLt, a, b); }
Tensor le(const Tensor& a, const Tensor& b) { return run(BinaryFn::kLe, a, b); }
Tensor gt(const Tensor& a, const Tensor& b) { return run(BinaryFn::kGt, a, b); }
Tensor ge(const Tensor& a, const Tensor& b) { return run(BinaryFn::kGe, a, b); }
Tensor logical_and(const Tensor& a, const Tensor& b) { return run(BinaryFn::kLogicalAnd, a, b); }
Tensor logical_or(const Tensor& a, const Tensor& b) { return run(BinaryFn::kLogicalOr, a, b); }
Tensor logical_xor(const Tensor& a, const Tensor& b) { return run(BinaryFn::kLogicalXor, a, b); }
Tensor relu_backward(const Tensor& g, const Tensor& y) { return run(BinaryFn::kReluBackward, g, y); }
Tensor sigmoid_backward(const Tensor& g, const Tensor& y) { return run(BinaryFn::kSigmoidBackward, g, y); }
Tensor tanh_backward(const Tensor& g, const Tensor& y) { return run(BinaryFn::kTanhBackward, g, y); }

Tensor gelu_backward(const Tensor& g, const Tensor& x) { return run(BinaryFn::kGeluBackward, g, x); }
Tensor silu_backward(const Tensor& g, const Tensor& x) { return run(BinaryFn::kSiluBackward, g, x); }
Tensor bce_with_logits_elements(const Tensor& x, const Tensor& t) {
  return run(BinaryFn::kBceWithLogits, x, t);
}

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  return apply1(op::where(), {condition, a, b});
}

Tensor add(const Tensor& a, double b) { return affine(a, 1, b); }
Tensor mul(const Tensor& a, double b) { return scaled(a, b); }
Tensor eq(const Tensor& a, double b) { return eq(a, number(b, a)); }
Tensor ne(const Tensor& a, double b) { return ne(a, number(b, a)); }
Tensor lt(const Tensor& a, double b) { return lt(a, number(b, a)); }
Tensor le(const Tensor& a, double b) { return le(a, number(b, a)); }
Tensor gt(const Tensor& a, double b) { return gt(a, number(b, a)); }
Tensor ge(const Tensor& a, double b) { return ge(a, number(b, a)); }

// Not a product with 1 / b, which rounds twice.
Tensor operator/(const Tensor& a, double b) { return div(a, number(b, a)); }
Tensor operator-(double a, const Tensor& b) { return affine(b, -1, a); }
Tensor operator/(double a, const Tensor& b) { return div(number(a, b), b); }
Tensor operator-(const Tensor& a) { return neg(a); }

Tensor sum_to(const Tensor& g, const Shape& shape) {
  if (g.shape() == shape) return g;
  const size_t extra = g.shape().size() - shape.size();
  Dims dims;
  for (size_t i = 0; i < g.shape().size(); ++i) {
    if (i < extra || (shape[i - extra] == 1 && g.shape()[i] != 1)) dims.push_back(static_cast<int64_t>(i));
  }
  const Tensor summed = dims.empty() ? g : sum(g, dims, kKeepDim);
  return reshape(summed, shape);
}

}  // namespace dlb
