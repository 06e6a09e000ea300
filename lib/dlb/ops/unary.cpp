#include "dlb/ops/unary.h"

#include <cmath>
#include <span>

#include "dlb/ops/binary.h"
#include "dlb/ops/families.h"
#include "dlb/ops/unary_rows.h"

namespace dlb {

Fields ClampAttrs::fields() {
  static const Field list[] = {field<&ClampAttrs::min>("min", "lower limit"),
                               field<&ClampAttrs::max>("max", "upper limit")};
  return list;
}
Fields PowScalarAttrs::fields() {
  static const Field list[] = {field<&PowScalarAttrs::exponent>("exponent", "power to which x is raised")};
  return list;
}
Fields AffineAttrs::fields() {
  static const Field list[] = {field<&AffineAttrs::a>("a", "factor"),
                               field<&AffineAttrs::b>("b", "term added")};
  return list;
}
Fields CastAttrs::fields() {
  static const Field list[] = {field<&CastAttrs::dtype>("dtype", "name of the new dtype")};
  return list;
}

namespace unary_rows {

namespace {

void infer_predicate(Infer& c, const NoAttrs&) { keep(c, DType::kBool); }
void infer_integral(Infer& c, const NoAttrs&) {
  if (is_floating(c.input(0).dtype)) {
    c.fail_dtype("expects integers or bool, got {}", dtype_name(c.input(0).dtype));
  }
  infer_numeric(c, NoAttrs{});
}

bool whole(double x) { return std::isinf(x) || x == std::floor(x); }

void infer_pow(Infer& c, const PowScalarAttrs& a) {
  if (!is_floating(c.input(0).dtype) && !(a.exponent >= 0 && whole(a.exponent))) {
    c.fail_dtype("expects a floating dtype for exponent {}, got {}", a.exponent,
                 dtype_name(c.input(0).dtype));
  }
  infer_numeric(c, a);
}

/// An integer tensor stays one with whole numbers, otherwise the result is float32. bool counts as 0 and 1.
template <class A>
void infer_with_numbers(Infer& c, double p, double q, const A&) {
  const DType dtype = c.input(0).dtype;
  if (is_floating(dtype)) return keep(c, dtype);
  if (!whole(p) || !whole(q)) return keep(c, DType::kFloat32);
  keep(c, dtype == DType::kBool ? DType::kInt64 : dtype);
}
void infer_affine(Infer& c, const AffineAttrs& a) { infer_with_numbers(c, a.a, a.b, a); }
void infer_clamp(Infer& c, const ClampAttrs& a) { infer_with_numbers(c, a.min, a.max, a); }

void vjp_clamp(Vjp& c, const ClampAttrs& a) {
  const Tensor& x = c.input(0);
  // An infinite limit is none: infinities themselves pass.
  const bool low = a.min != -HUGE_VAL;
  const bool high = a.max != HUGE_VAL;
  if (!low && !high) return c.input_grad(0, c.grad(0));
  const Tensor inside = !low ? lt(x, a.max) : !high ? gt(x, a.min) : logical_and(gt(x, a.min), lt(x, a.max));
  c.input_grad(0, where(inside, c.grad(0), zero_of(c.grad(0))));
}

OpDef predicate(std::string_view name, std::string_view doc, OnnxMapping onnx = {}) {
  return row(name, doc, infer_predicate, nullptr, Saves::kNothing, onnx);
}

}  // namespace

void define_basic(Table& table) {
  const auto at = [&](UnaryFn fn) -> OpDef& { return table[static_cast<size_t>(fn)]; };
  using enum UnaryFn;
  at(kNeg) =
      row("neg", "-x", infer_numeric<NoAttrs>,
          [](Vjp& c, const NoAttrs&) { c.input_grad(0, neg(c.grad(0))); }, Saves::kNothing, {"Neg", 13});
  at(kAbs) = row("abs", "|x|", infer_numeric<NoAttrs>,
                 [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * sign(c.input(0))); },
                 Saves::kInputs, {"Abs", 13});
  at(kSign) =
      row("sign", "-1, 0 or 1", infer_any<NoAttrs>, zero_gradient<NoAttrs>, Saves::kNothing, {"Sign", 13});
  at(kSquare) = row(
      "square", "x^2", infer_numeric<NoAttrs>,
      [](Vjp& c, const NoAttrs&) { c.input_grad(0, scaled(c.grad(0) * c.input(0), 2)); }, Saves::kInputs);
  at(kSqrt) = real("sqrt", "square root",
                   [](Vjp& c, const NoAttrs&) { c.input_grad(0, scaled(c.grad(0) / c.output(0), 0.5)); },
                   Saves::kOutputs, {"Sqrt", 13});
  at(kRsqrt) = real(
      "rsqrt", "1 / sqrt(x)",
      [](Vjp& c, const NoAttrs&) {
        c.input_grad(0, scaled(c.grad(0) * c.output(0) * square(c.output(0)), -0.5));
      },
      Saves::kOutputs);
  at(kReciprocal) =
      real("reciprocal", "1 / x",
           [](Vjp& c, const NoAttrs&) { c.input_grad(0, neg(c.grad(0) * square(c.output(0)))); },
           Saves::kOutputs, {"Reciprocal", 13});
  at(kFloor) = floating("floor", "largest whole number not above x", zero_gradient<NoAttrs>, Saves::kNothing,
                        {"Floor", 13});
  at(kCeil) = floating("ceil", "smallest whole number not below x", zero_gradient<NoAttrs>, Saves::kNothing,
                       {"Ceil", 13});
  at(kRound) = floating("round", "nearest whole number, half to even", zero_gradient<NoAttrs>,
                        Saves::kNothing, {"Round", 11});
  at(kTrunc) = floating("trunc", "x without its fraction", zero_gradient<NoAttrs>, Saves::kNothing);
  at(kClamp) = define<ClampAttrs>({.name = "clamp",
                                   .doc = "min(max(x, low), high)",
                                   .infer = infer_clamp,
                                   .vjp = vjp_clamp,
                                   .cost = per_element<2, ClampAttrs>,
                                   .elementwise = true,
                                   .onnx = {"Clip", 13}});
  at(kPowScalar) = define<PowScalarAttrs>(
      {.name = "pow_scalar",
       .doc = "x to the power of a number",
       .infer = infer_pow,
       .vjp =
           [](Vjp& c, const PowScalarAttrs& a) {
             c.input_grad(0, a.exponent == 0
                                 ? zeros_like(c.grad(0))
                                 : c.grad(0) * scaled(pow(c.input(0), a.exponent - 1), a.exponent));
           },
       .cost = per_element<10, PowScalarAttrs>,
       .elementwise = true,
       .onnx = {"Pow", 13}});
  at(kAffine) = define<AffineAttrs>(
      {.name = "affine",
       .doc = "a * x + b with numbers a, b",
       .infer = infer_affine,
       .vjp = [](Vjp& c,
                 const AffineAttrs& a) { c.input_grad(0, a.a == 1 ? c.grad(0) : scaled(c.grad(0), a.a)); },
       .saves = Saves::kNothing,
       .cost = per_element<2, AffineAttrs>,
       .elementwise = true});
  at(kBitwiseNot) = row("bitwise_not", "x with every bit flipped", infer_integral, nullptr, Saves::kNothing,
                        {"BitwiseNot", 18});
  at(kIsnan) = predicate("isnan", "whether x is NaN", {"IsNaN", 13});
  at(kIsinf) = predicate("isinf", "whether x is infinite", {"IsInf", 10});
  at(kIsfinite) = predicate("isfinite", "whether x is neither NaN nor infinite");
  at(kIsposinf) = predicate("isposinf", "whether x is infinity");
  at(kIsneginf) = predicate("isneginf", "whether x is -infinity");
  at(kSignbit) = predicate("signbit", "whether the bit of the sign is set, so also for -0");
  at(kLogicalNot) = predicate("logical_not", "whether x is zero", {"Not", 1});
}

}  // namespace unary_rows

namespace {

using unary_rows::run;

/// Rounding leaves integers as they are.
Tensor rounded(UnaryFn fn, const Tensor& x) { return is_integral(x.dtype()) ? x : run(fn, x); }

}  // namespace

const OpDef& op::unary(UnaryFn fn) {
  static const unary_rows::Table ops = [] {
    unary_rows::Table t;
    unary_rows::define_basic(t);
    unary_rows::define_math(t);
    unary_rows::define_special(t);
    unary_rows::define_activations(t);
    return t;
  }();
  return ops[static_cast<size_t>(fn)];
}

const OpDef& op::cast() {
  static const OpDef op = define<CastAttrs>(
      {.name = "cast",
       .doc = "conversion to another dtype",
       .infer = [](Infer& c, const CastAttrs& a) { unary_rows::keep(c, dtype_from_name(a.dtype)); },
       .vjp = [](Vjp& c, const CastAttrs&) { c.input_grad(0, cast(c.grad(0), c.input(0).dtype())); },
       .saves = Saves::kNothing,
       .cost = per_element<0, CastAttrs>,
       .elementwise = true,
       .onnx = {"Cast", 13}});
  return op;
}

std::span<const OpDef* const> unary_ops() {
  static const std::array<const OpDef*, static_cast<size_t>(UnaryFn::kCount) + 1> ops = [] {
    std::array<const OpDef*, static_cast<size_t>(UnaryFn::kCount) + 1> all{};
    for (size_t i = 0; i + 1 < all.size(); ++i) all[i] = &op::unary(static_cast<UnaryFn>(i));
    all.back() = &op::cast();
    return all;
  }();
  return ops;
}

Tensor neg(const Tensor& x) { return run(UnaryFn::kNeg, x); }
Tensor abs(const Tensor& x) { return run(UnaryFn::kAbs, x); }
Tensor sign(const Tensor& x) { return run(UnaryFn::kSign, x); }
Tensor sqrt(const Tensor& x) { return run(UnaryFn::kSqrt, x); }
Tensor rsqrt(const Tensor& x) { return run(UnaryFn::kRsqrt, x); }
Tensor reciprocal(const Tensor& x) { return run(UnaryFn::kReciprocal, x); }
Tensor isnan(const Tensor& x) { return run(UnaryFn::kIsnan, x); }
Tensor isinf(const Tensor& x) { return run(UnaryFn::kIsinf, x); }
Tensor isfinite(const Tensor& x) { return run(UnaryFn::kIsfinite, x); }
Tensor isposinf(const Tensor& x) { return run(UnaryFn::kIsposinf, x); }
Tensor isneginf(const Tensor& x) { return run(UnaryFn::kIsneginf, x); }
Tensor signbit(const Tensor& x) { return run(UnaryFn::kSignbit, x); }
Tensor logical_not(const Tensor& x) { return run(UnaryFn::kLogicalNot, x); }
Tensor bitwise_not(const Tensor& x) {
  return x.dtype() == DType::kBool ? logical_not(x) : run(UnaryFn::kBitwiseNot, x);
}
Tensor square(const Tensor& x) {
  return run(UnaryFn::kSquare, x.dtype() == DType::kBool ? cast(x, DType::kInt64) : x);
}
Tensor floor(const Tensor& x) { return rounded(UnaryFn::kFloor, x); }
Tensor ceil(const Tensor& x) { return rounded(UnaryFn::kCeil, x); }
Tensor round(const Tensor& x) { return rounded(UnaryFn::kRound, x); }
Tensor trunc(const Tensor& x) { return rounded(UnaryFn::kTrunc, x); }
Tensor round(const Tensor& x, int64_t decimals) {
  if (!is_floating(x.dtype())) {
    fail(ErrorKind::kDtype, "round to {} decimals expects a floating dtype, got {}", decimals,
         dtype_name(x.dtype()));
  }
  if (decimals == 0) return round(x);
  const double power = std::pow(10.0, std::abs(static_cast<double>(decimals)));
  return decimals > 0 ? round(x * power) / power : round(x / power) * power;
}
Tensor frac(const Tensor& x) {
  if (!is_floating(x.dtype())) {
    fail(ErrorKind::kDtype, "frac expects a floating dtype, got {}", dtype_name(x.dtype()));
  }
  return x - trunc(x);
}
Tensor clamp(const Tensor& x, double low, double high) {
  return apply1<ClampAttrs>(op::unary(UnaryFn::kClamp), {x}, {low, high});
}
Tensor affine(const Tensor& x, double a, double b) {
  return apply1<AffineAttrs>(op::unary(UnaryFn::kAffine), {x}, {a, b});
}
Tensor pow(const Tensor& x, double exponent) {
  if (exponent == 2) return square(x);
  if (exponent == 0.5 && is_floating(x.dtype())) return sqrt(x);
  return apply1<PowScalarAttrs>(op::unary(UnaryFn::kPowScalar), {x}, {exponent});
}
Tensor cast(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  return apply1<CastAttrs>(op::cast(), {x}, {std::string(dtype_name(dtype))});
}

}  // namespace dlb
