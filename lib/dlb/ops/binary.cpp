#include "dlb/ops/binary.h"

#include <cmath>
#include <numbers>
#include <span>

#include "dlb/ops/binary_rows.h"
#include "dlb/ops/create.h"
#include "dlb/ops/families.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {

namespace {

Tensor scaled(const Tensor& x, double factor) { return affine(x, factor, -0.0); }
Tensor zero_of(const Tensor& like) { return full({}, 0, like.dtype(), like.device()); }

}  // namespace

namespace binary_rows {

namespace {

void infer_arithmetic(Infer& c, const NoAttrs&) { elementwise_output(c, c.all(), operands_dtype(c)); }
void infer_no_bool(Infer& c, const NoAttrs&) {
  const DType dtype = operands_dtype(c);
  if (dtype == DType::kBool) c.fail_dtype("expects numeric dtypes, got bool and bool");
  elementwise_output(c, c.all(), dtype);
}
void infer_sub(Infer& c, const NoAttrs&) {
  if (c.input(0).dtype == DType::kBool || c.input(1).dtype == DType::kBool) {
    c.fail_dtype("expects numeric dtypes, got {} and {}; logical_xor is the difference of bools",
                 dtype_name(c.input(0).dtype), dtype_name(c.input(1).dtype));
  }
  elementwise_output(c, c.all(), operands_dtype(c));
}
void infer_bitwise(Infer& c, const NoAttrs&) {
  const DType dtype = operands_dtype(c);
  if (is_floating(dtype)) c.fail_dtype("expects integers or bool, got {}", dtype_name(dtype));
  elementwise_output(c, c.all(), dtype);
}
void infer_integral(Infer& c, const NoAttrs&) {
  const DType dtype = operands_dtype(c);
  if (!is_integral(dtype)) c.fail_dtype("expects integers, got {}", dtype_name(dtype));
  elementwise_output(c, c.all(), dtype);
}
void infer_nextafter(Infer& c, const NoAttrs&) {
  const DType dtype = operands_dtype(c);
  if (dtype != DType::kFloat32 && dtype != DType::kFloat64) {
    c.fail_dtype("expects float32 or float64, got {}", dtype_name(dtype));
  }
  elementwise_output(c, c.all(), dtype);
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
    give(c, 1,
         where(at_zero, zero_of(c.grad(0)), c.grad(0) * pow(a, b) * log(cast(base, c.grad(0).dtype()))));
  }
}
/// The gradient goes to the operand that wins, half to each in a tie.
void give_shares(Vjp& c, const Tensor& first_loses, const Tensor& second_loses) {
  const Tensor& g = c.grad(0);
  const Tensor zero = zero_of(g);
  const Tensor shared = where(eq(c.input(0), c.input(1)), scaled(g, 0.5), g);
  if (c.needs(0)) give(c, 0, where(first_loses, zero, shared));
  if (c.needs(1)) give(c, 1, where(second_loses, zero, shared));
}
// A NaN beside a number, which neither compares as more nor as less, leaves both with the gradient.
void vjp_maximum(Vjp& c, const NoAttrs&) {
  give_shares(c, lt(c.input(0), c.input(1)), gt(c.input(0), c.input(1)));
}
void vjp_minimum(Vjp& c, const NoAttrs&) {
  give_shares(c, gt(c.input(0), c.input(1)), lt(c.input(0), c.input(1)));
}
void vjp_fmax(Vjp& c, const NoAttrs&) {
  const Tensor none = isnan(c.input(1));
  give_shares(c, logical_not(logical_or(ge(c.input(0), c.input(1)), none)),
              logical_or(gt(c.input(0), c.input(1)), none));
}
void vjp_fmin(Vjp& c, const NoAttrs&) {
  const Tensor none = isnan(c.input(1));
  give_shares(c, logical_not(logical_or(le(c.input(0), c.input(1)), none)),
              logical_or(lt(c.input(0), c.input(1)), none));
}
void vjp_atan2(Vjp& c, const NoAttrs&) {
  const Tensor square_sum = square(c.input(0)) + square(c.input(1));
  const Tensor origin = eq(square_sum, 0);  // there the gradient is 0
  const Tensor g =
      c.grad(0) / where(origin, full({}, 1, square_sum.dtype(), square_sum.device()), square_sum);
  if (c.needs(0)) give(c, 0, g * c.input(1));
  if (c.needs(1)) give(c, 1, neg(g * c.input(0)));
}
void vjp_hypot(Vjp& c, const NoAttrs&) {
  if (c.needs(0)) give(c, 0, c.grad(0) * (c.input(0) / c.output(0)));
  if (c.needs(1)) give(c, 1, c.grad(0) * (c.input(1) / c.output(0)));
}
void vjp_copysign(Vjp& c, const NoAttrs&) {
  const Tensor& x = c.input(0);
  if (c.needs(0)) give(c, 0, c.grad(0) * where(eq(x, 0), zero_of(c.grad(0)), c.output(0) / x));
  if (c.needs(1)) give(c, 1, zeros_like(c.grad(0)));
}
void vjp_nextafter(Vjp& c, const NoAttrs&) {
  if (c.needs(0)) {
    give(c, 0, where(ne(c.input(0), c.input(1)), c.grad(0), zero_of(c.grad(0))));
  }
  if (c.needs(1)) give(c, 1, zeros_like(c.grad(0)));
}
void vjp_fmod(Vjp& c, const NoAttrs&) {
  if (c.needs(0)) give(c, 0, c.grad(0));
  if (c.needs(1)) give(c, 1, neg(c.grad(0) * trunc_divide(c.input(0), c.input(1))));
}
void vjp_remainder(Vjp& c, const NoAttrs&) {
  if (c.needs(0)) give(c, 0, c.grad(0));
  if (c.needs(1)) give(c, 1, neg(c.grad(0) * floor_divide(c.input(0), c.input(1))));
}
void vjp_zero(Vjp& c, const NoAttrs&) {
  for (const int i : {0, 1}) {
    if (c.needs(i)) give(c, i, zeros_like(c.grad(0)));
  }
}

}  // namespace

void define_basic(Table& table) {
  const auto at = [&](BinaryFn fn) -> OpDef& { return table[static_cast<size_t>(fn)]; };
  using enum BinaryFn;
  at(kAdd) = row("add", "a + b", infer_arithmetic, vjp_add, Saves::kNothing, {"Add", 14});
  at(kSub) = row("sub", "a - b", infer_sub, vjp_sub, Saves::kNothing, {"Sub", 14});
  at(kMul) = row("mul", "a * b", infer_arithmetic, vjp_mul, Saves::kInputs, {"Mul", 14});
  at(kDiv) = row("div", "a / b", infer_float_result, vjp_div, Saves::kInputs, {"Div", 14});
  at(kPow) = row("pow", "a to the power of b", infer_no_bool, vjp_pow, Saves::kInputs, {"Pow", 15});
  at(kMaximum) =
      row("maximum", "the larger of a and b", infer_arithmetic, vjp_maximum, Saves::kInputs, {"Max", 13});
  at(kMinimum) =
      row("minimum", "the smaller of a and b", infer_arithmetic, vjp_minimum, Saves::kInputs, {"Min", 13});
  at(kFmax) =
      row("fmax", "the larger of a and b, the other of a NaN", infer_arithmetic, vjp_fmax, Saves::kInputs);
  at(kFmin) =
      row("fmin", "the smaller of a and b, the other of a NaN", infer_arithmetic, vjp_fmin, Saves::kInputs);
  at(kAtan2) = row<10>("atan2", "angle of the point (b, a)", infer_float_result, vjp_atan2, Saves::kInputs);
  at(kHypot) = row<4>("hypot", "sqrt(a^2 + b^2)", infer_floating, vjp_hypot, Saves::kBoth);
  at(kCopysign) = row("copysign", "|a| with the sign of b", infer_float_result, vjp_copysign, Saves::kBoth);
  at(kNextafter) = row("nextafter", "the floating-point number next to a towards b", infer_nextafter,
                       vjp_nextafter, Saves::kInputs);
  at(kFmod) = row("fmod", "a - b * trunc(a / b)", infer_no_bool, vjp_fmod, Saves::kInputs, {"Mod", 13});
  at(kRemainder) =
      row("remainder", "a - b * floor(a / b)", infer_no_bool, vjp_remainder, Saves::kInputs, {"Mod", 13});
  at(kTruncDivide) = row("trunc_divide", "a / b towards 0", infer_no_bool, vjp_zero, Saves::kNothing);
  at(kFloorDivide) = row("floor_divide", "a / b downwards", infer_no_bool, vjp_zero, Saves::kNothing);
  at(kBitwiseAnd) =
      row("bitwise_and", "bits set in both", infer_bitwise, nullptr, Saves::kNothing, {"BitwiseAnd", 18});
  at(kBitwiseOr) = row("bitwise_or", "bits set in one or both", infer_bitwise, nullptr, Saves::kNothing,
                       {"BitwiseOr", 18});
  at(kBitwiseXor) =
      row("bitwise_xor", "bits set in one only", infer_bitwise, nullptr, Saves::kNothing, {"BitwiseXor", 18});
  at(kLeftShift) = row("bitwise_left_shift", "a * 2^b in the bits of a", infer_integral, nullptr,
                       Saves::kNothing, {"BitShift", 11});
  at(kRightShift) = row("bitwise_right_shift", "a / 2^b downwards", infer_integral, nullptr, Saves::kNothing,
                        {"BitShift", 11});
  at(kGcd) = row<20>("gcd", "greatest common divisor", infer_integral, nullptr, Saves::kNothing);
  at(kLcm) = row<20>("lcm", "least common multiple", infer_integral, nullptr, Saves::kNothing);
  at(kEq) = row("eq", "whether a = b", infer_bool, nullptr, Saves::kNothing, {"Equal", 13});
  at(kNe) = row("ne", "whether a differs from b", infer_bool, nullptr, Saves::kNothing);
  at(kLt) = row("lt", "whether a < b", infer_bool, nullptr, Saves::kNothing, {"Less", 13});
  at(kLe) = row("le", "whether a <= b", infer_bool, nullptr, Saves::kNothing, {"LessOrEqual", 16});
  at(kGt) = row("gt", "whether a > b", infer_bool, nullptr, Saves::kNothing, {"Greater", 13});
  at(kGe) = row("ge", "whether a >= b", infer_bool, nullptr, Saves::kNothing, {"GreaterOrEqual", 16});
  at(kLogicalAnd) =
      row("logical_and", "whether both are nonzero", infer_bool, nullptr, Saves::kNothing, {"And", 7});
  at(kLogicalOr) =
      row("logical_or", "whether one is nonzero", infer_bool, nullptr, Saves::kNothing, {"Or", 7});
  at(kLogicalXor) =
      row("logical_xor", "whether exactly one is nonzero", infer_bool, nullptr, Saves::kNothing, {"Xor", 7});
  at(kReluBackward) = row(
      "relu_backward", "g where y > 0, else 0", infer_backward,
      [](Vjp& c, const NoAttrs&) {  // piecewise constant in y
        if (c.needs(0)) c.input_grad(0, relu_backward(c.grad(0), c.input(1)));
      },
      Saves::kInputs);
  at(kSigmoidBackward) = row(
      "sigmoid_backward", "g * y * (1 - y)", infer_backward,
      [](Vjp& c, const NoAttrs&) {
        const Tensor &u = c.grad(0), &g = c.input(0), &y = c.input(1);
        if (c.needs(0)) c.input_grad(0, sigmoid_backward(u, y));
        if (c.needs(1)) c.input_grad(1, u * g * affine(y, -2, 1));
      },
      Saves::kInputs);
  at(kTanhBackward) = row(
      "tanh_backward", "g * (1 - y^2)", infer_backward,
      [](Vjp& c, const NoAttrs&) {
        const Tensor &u = c.grad(0), &g = c.input(0), &y = c.input(1);
        if (c.needs(0)) c.input_grad(0, tanh_backward(u, y));
        if (c.needs(1)) c.input_grad(1, u * g * scaled(y, -2));
      },
      Saves::kInputs);
  at(kGeluBackward) = row(
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
  at(kSiluBackward) = row(
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
  at(kBceWithLogits) = row(
      "bce_with_logits", "max(x, 0) - x * t + ln(1 + e^-|x|)", infer_backward,
      [](Vjp& c, const NoAttrs&) {
        const Tensor &g = c.grad(0), &x = c.input(0), &t = c.input(1);
        if (c.needs(0)) give(c, 0, g * (sigmoid(x) - t));
        if (c.needs(1)) give(c, 1, neg(g * x));
      },
      Saves::kInputs);
}

}  // namespace binary_rows

namespace {

using binary_rows::give;
using binary_rows::run;

/// A number as an operand: 0-d, so that it does not raise the tensor's dtype within its category.
Tensor number(double value, const Tensor& beside) {
  const DType dtype = is_floating(beside.dtype())                              ? beside.dtype()
                      : value == std::floor(value) && std::abs(value) < 0x1p63 ? DType::kInt64
                                                                               : DType::kFloat32;
  return full({}, value, dtype, beside.device());
}

}  // namespace

const OpDef& op::binary(BinaryFn fn) {
  static const binary_rows::Table table = [] {
    binary_rows::Table t;
    binary_rows::define_basic(t);
    binary_rows::define_special(t);
    return t;
  }();
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
Tensor fmax(const Tensor& a, const Tensor& b) { return run(BinaryFn::kFmax, a, b); }
Tensor fmin(const Tensor& a, const Tensor& b) { return run(BinaryFn::kFmin, a, b); }
Tensor hypot(const Tensor& a, const Tensor& b) { return run(BinaryFn::kHypot, a, b); }
Tensor copysign(const Tensor& a, const Tensor& b) { return run(BinaryFn::kCopysign, a, b); }
Tensor nextafter(const Tensor& a, const Tensor& b) { return run(BinaryFn::kNextafter, a, b); }
Tensor trunc_divide(const Tensor& a, const Tensor& b) { return run(BinaryFn::kTruncDivide, a, b); }
Tensor floor_divide(const Tensor& a, const Tensor& b) { return run(BinaryFn::kFloorDivide, a, b); }
Tensor bitwise_and(const Tensor& a, const Tensor& b) { return run(BinaryFn::kBitwiseAnd, a, b); }
Tensor bitwise_or(const Tensor& a, const Tensor& b) { return run(BinaryFn::kBitwiseOr, a, b); }
Tensor bitwise_xor(const Tensor& a, const Tensor& b) { return run(BinaryFn::kBitwiseXor, a, b); }
Tensor bitwise_left_shift(const Tensor& a, const Tensor& b) { return run(BinaryFn::kLeftShift, a, b); }
Tensor bitwise_right_shift(const Tensor& a, const Tensor& b) { return run(BinaryFn::kRightShift, a, b); }
Tensor gcd(const Tensor& a, const Tensor& b) { return run(BinaryFn::kGcd, a, b); }
Tensor lcm(const Tensor& a, const Tensor& b) { return run(BinaryFn::kLcm, a, b); }
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
