#include "dlb/ops/unary.h"

#include <array>
#include <cmath>
#include <numbers>

#include "dlb/ops/binary.h"
#include "dlb/ops/binary_defs.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/unary_defs.h"

namespace dlb {

Fields LeakyReluAttrs::fields() {
  static const Field list[] = {
      field<&LeakyReluAttrs::negative_slope>("negative_slope", "slope for negative inputs")};
  return list;
}
Fields EluAttrs::fields() {
  static const Field list[] = {
      field<&EluAttrs::alpha>("alpha", "limit for very negative inputs, negated", non_negative())};
  return list;
}
Fields SoftplusAttrs::fields() {
  static const Field list[] = {
      field<&SoftplusAttrs::beta>("beta", "sharpness", positive()),
      field<&SoftplusAttrs::threshold>("threshold", "linear where beta * x is above")};
  return list;
}
Fields GeluAttrs::fields() {
  static const Field list[] = {
      field<&GeluAttrs::approximate>("approximate", "none (erf) or tanh", one_of({"none", "tanh"}))};
  return list;
}
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

namespace {

/// x * factor that keeps the sign of zeros: adding -0 changes nothing.
Tensor scaled(const Tensor& x, double factor) { return affine(x, factor, -0.0); }

void keep(Infer& c, DType dtype) {
  TensorSpec spec = c.input(0);
  spec.dtype = dtype;
  if (!is_dense(spec.shape, spec.strides)) spec.strides = contiguous_strides(spec.shape);
  c.output(std::move(spec));
}

template <class A>
void infer_floating(Infer& c, const A&) {
  c.floating(0);
  keep(c, c.input(0).dtype);
}
template <class A>
void infer_numeric(Infer& c, const A&) {
  if (c.input(0).dtype == DType::kBool) c.fail_dtype("expects a numeric dtype, got bool");
  keep(c, c.input(0).dtype);
}
void infer_predicate(Infer& c, const NoAttrs&) { keep(c, DType::kBool); }

void infer_elu(Infer& c, const EluAttrs& a) {
  if (!(a.alpha >= 0)) fail(ErrorKind::kUnsupported, "elu expects alpha >= 0, got {}", a.alpha);
  infer_floating(c, a);
}
void infer_gelu(Infer& c, const GeluAttrs& a) {
  if (a.approximate != "none" && a.approximate != "tanh") {
    fail(ErrorKind::kUnsupported, "gelu expects approximate none or tanh, got '{}'", a.approximate);
  }
  infer_floating(c, a);
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

template <class A>
void zero_gradient(Vjp& c, const A&) {
  c.input_grad(0, zeros_like(c.grad(0)));
}

Tensor gelu_tanh_gradient(const Tensor& x) {
  constexpr double kScale = 0.79788456080286536;  // sqrt(2 / pi)
  constexpr double kCube = 0.044715;
  const Tensor x2 = square(x);
  const Tensor t = tanh(x * affine(x2, kScale * kCube, kScale));
  const Tensor inner = affine(x2, 3 * kScale * kCube, kScale);
  return affine(t, 0.5, 0.5) + scaled(x * affine(square(t), -1, 1) * inner, 0.5);
}

using Row = Definition<NoAttrs>;

/// Name, documentation, gradient factor and so on of a floating function of one tensor.
Row floating(std::string_view name, std::string_view doc, void (*vjp)(Vjp&, const NoAttrs&), Saves saves,
             OnnxMapping onnx = {}) {
  return {.name = name,
          .doc = doc,
          .infer = infer_floating<NoAttrs>,
          .vjp = vjp,
          .saves = saves,
          .cost = per_element<4>,
          .elementwise = true,
          .onnx = onnx};
}
Row numeric(std::string_view name, std::string_view doc, void (*vjp)(Vjp&, const NoAttrs&), Saves saves,
            OnnxMapping onnx = {}) {
  return {.name = name,
          .doc = doc,
          .infer = infer_numeric<NoAttrs>,
          .vjp = vjp,
          .saves = saves,
          .cost = per_element<1>,
          .elementwise = true,
          .onnx = onnx};
}
Row predicate(std::string_view name, std::string_view doc, OnnxMapping onnx = {}) {
  return {.name = name,
          .doc = doc,
          .infer = infer_predicate,
          .saves = Saves::kNothing,
          .cost = per_element<1>,
          .elementwise = true,
          .onnx = onnx};
}

using Table = std::array<OpDef, static_cast<size_t>(UnaryFn::kCount)>;

void define_arithmetic(Table& table) {
  const auto at = [&](UnaryFn fn) -> OpDef& { return table[static_cast<size_t>(fn)]; };
  using enum UnaryFn;
  at(kNeg) = define(numeric("neg", "-x", [](Vjp& c, const NoAttrs&) { c.input_grad(0, neg(c.grad(0))); },
                            Saves::kNothing, {"Neg", 13}));
  at(kAbs) = define(numeric("abs", "|x|",
                            [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * sign(c.input(0))); },
                            Saves::kInputs, {"Abs", 13}));
  at(kSign) = define(numeric("sign", "-1, 0 or 1", zero_gradient<NoAttrs>, Saves::kNothing, {"Sign", 13}));
  at(kSquare) = define(numeric(
      "square", "x^2", [](Vjp& c, const NoAttrs&) { c.input_grad(0, scaled(c.grad(0) * c.input(0), 2)); },
      Saves::kInputs));
  at(kSqrt) =
      define(floating("sqrt", "square root",
                      [](Vjp& c, const NoAttrs&) { c.input_grad(0, scaled(c.grad(0) / c.output(0), 0.5)); },
                      Saves::kOutputs, {"Sqrt", 13}));
  at(kRsqrt) = define(floating(
      "rsqrt", "1 / sqrt(x)",
      [](Vjp& c, const NoAttrs&) {
        c.input_grad(0, scaled(c.grad(0) * c.output(0) * square(c.output(0)), -0.5));
      },
      Saves::kOutputs));
  at(kReciprocal) =
      define(floating("reciprocal", "1 / x",
                      [](Vjp& c, const NoAttrs&) { c.input_grad(0, neg(c.grad(0) * square(c.output(0)))); },
                      Saves::kOutputs, {"Reciprocal", 13}));
  at(kFloor) = define(floating("floor", "largest whole number not above x", zero_gradient<NoAttrs>,
                               Saves::kNothing, {"Floor", 13}));
  at(kCeil) = define(floating("ceil", "smallest whole number not below x", zero_gradient<NoAttrs>,
                              Saves::kNothing, {"Ceil", 13}));
  at(kRound) = define(floating("round", "nearest whole number, half to even", zero_gradient<NoAttrs>,
                               Saves::kNothing, {"Round", 11}));
  at(kTrunc) = define(floating("trunc", "x without its fraction", zero_gradient<NoAttrs>, Saves::kNothing));
  at(kClamp) =
      define<ClampAttrs>({.name = "clamp",
                          .doc = "min(max(x, low), high)",
                          .infer = infer_clamp,
                          .vjp =
                              [](Vjp& c, const ClampAttrs& a) {
                                const Tensor& x = c.input(0);
                                c.input_grad(0, where(logical_and(ge(x, a.min), le(x, a.max)), c.grad(0),
                                                      full({}, 0, x.dtype(), x.device())));
                              },
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
  at(kIsnan) = define(predicate("isnan", "whether x is NaN", {"IsNaN", 13}));
  at(kIsinf) = define(predicate("isinf", "whether x is infinite", {"IsInf", 10}));
  at(kIsfinite) = define(predicate("isfinite", "whether x is neither NaN nor infinite"));
  at(kLogicalNot) = define(predicate("logical_not", "whether x is zero", {"Not", 1}));
}

void define_transcendental(Table& table) {
  const auto at = [&](UnaryFn fn) -> OpDef& { return table[static_cast<size_t>(fn)]; };
  using enum UnaryFn;
  constexpr double kLog2e = std::numbers::log2e;
  constexpr double kLog10e = std::numbers::log10e;
  at(kExp) =
      define(floating("exp", "e^x", [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * c.output(0)); },
                      Saves::kOutputs, {"Exp", 13}));
  at(kExpm1) = define(floating(
      "expm1", "e^x - 1, exact near 0",
      [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * (c.output(0) + 1.0)); }, Saves::kOutputs));
  at(kLog) = define(floating("log", "natural logarithm",
                             [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) / c.input(0)); },
                             Saves::kInputs, {"Log", 13}));
  at(kLog1p) = define(floating(
      "log1p", "ln(1 + x), exact near 0",
      [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) / (c.input(0) + 1.0)); }, Saves::kInputs));
  at(kLog2) = define(floating(
      "log2", "logarithm to base 2",
      [](Vjp& c, const NoAttrs&) { c.input_grad(0, scaled(c.grad(0) / c.input(0), kLog2e)); },
      Saves::kInputs));
  at(kLog10) = define(floating(
      "log10", "logarithm to base 10",
      [](Vjp& c, const NoAttrs&) { c.input_grad(0, scaled(c.grad(0) / c.input(0), kLog10e)); },
      Saves::kInputs));
  at(kSin) = define(floating("sin", "sine",
                             [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * cos(c.input(0))); },
                             Saves::kInputs, {"Sin", 7}));
  at(kCos) = define(floating(
      "cos", "cosine", [](Vjp& c, const NoAttrs&) { c.input_grad(0, neg(c.grad(0) * sin(c.input(0)))); },
      Saves::kInputs, {"Cos", 7}));
  at(kTan) = define(
      floating("tan", "tangent",
               [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * (square(c.output(0)) + 1.0)); },
               Saves::kOutputs, {"Tan", 7}));
  at(kAsin) = define(floating(
      "asin", "inverse sine",
      [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * rsqrt(affine(square(c.input(0)), -1, 1))); },
      Saves::kInputs, {"Asin", 7}));
  at(kAcos) = define(floating("acos", "inverse cosine",
                              [](Vjp& c, const NoAttrs&) {
                                c.input_grad(0, neg(c.grad(0) * rsqrt(affine(square(c.input(0)), -1, 1))));
                              },
                              Saves::kInputs, {"Acos", 7}));
  at(kAtan) =
      define(floating("atan", "inverse tangent",
                      [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) / (square(c.input(0)) + 1.0)); },
                      Saves::kInputs, {"Atan", 7}));
  at(kSinh) = define(floating("sinh", "hyperbolic sine",
                              [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * cosh(c.input(0))); },
                              Saves::kInputs, {"Sinh", 9}));
  at(kCosh) = define(floating("cosh", "hyperbolic cosine",
                              [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * sinh(c.input(0))); },
                              Saves::kInputs, {"Cosh", 9}));
  at(kTanh) =
      define(floating("tanh", "hyperbolic tangent",
                      [](Vjp& c, const NoAttrs&) { c.input_grad(0, tanh_backward(c.grad(0), c.output(0))); },
                      Saves::kOutputs, {"Tanh", 13}));
  at(kErf) = define(floating("erf", "error function",
                             [](Vjp& c, const NoAttrs&) {
                               c.input_grad(0, c.grad(0) * scaled(exp(neg(square(c.input(0)))),
                                                                  2 * std::numbers::inv_sqrtpi));
                             },
                             Saves::kInputs, {"Erf", 13}));
}

void define_activations(Table& table) {
  const auto at = [&](UnaryFn fn) -> OpDef& { return table[static_cast<size_t>(fn)]; };
  using enum UnaryFn;
  at(kRelu) =
      define(floating("relu", "max(x, 0)",
                      [](Vjp& c, const NoAttrs&) { c.input_grad(0, relu_backward(c.grad(0), c.output(0))); },
                      Saves::kOutputs, {"Relu", 13}));
  at(kSigmoid) = define(
      floating("sigmoid", "1 / (1 + e^-x)",
               [](Vjp& c, const NoAttrs&) { c.input_grad(0, sigmoid_backward(c.grad(0), c.output(0))); },
               Saves::kOutputs, {"Sigmoid", 13}));
  at(kSilu) = define(floating(
      "silu", "x * sigmoid(x)",
      [](Vjp& c, const NoAttrs&) { c.input_grad(0, silu_backward(c.grad(0), c.input(0))); }, Saves::kInputs));
  at(kGelu) =
      define<GeluAttrs>({.name = "gelu",
                         .doc = "x * Phi(x), Phi the normal distribution",
                         .infer = infer_gelu,
                         .vjp =
                             [](Vjp& c, const GeluAttrs& a) {
                               const Tensor& x = c.input(0);
                               c.input_grad(0, a.approximate == "tanh" ? c.grad(0) * gelu_tanh_gradient(x)
                                                                       : gelu_backward(c.grad(0), x));
                             },
                         .cost = per_element<8, GeluAttrs>,
                         .elementwise = true,
                         .onnx = {"Gelu", 20}});
  at(kSoftplus) = define<SoftplusAttrs>(
      {.name = "softplus",
       .doc = "ln(1 + e^(beta x)) / beta, x above the threshold",
       .infer = infer_floating<SoftplusAttrs>,
       .vjp =
           [](Vjp& c, const SoftplusAttrs& a) {
             const Tensor bx = scaled(c.input(0), a.beta);
             c.input_grad(0, where(gt(bx, a.threshold), c.grad(0), c.grad(0) * sigmoid(bx)));
           },
       .cost = per_element<8, SoftplusAttrs>,
       .elementwise = true,
       .onnx = {"Softplus", 1}});
  at(kLeakyRelu) = define<LeakyReluAttrs>(
      {.name = "leaky_relu",
       .doc = "x if x > 0 else slope * x",
       .infer = infer_floating<LeakyReluAttrs>,
       .vjp =
           [](Vjp& c, const LeakyReluAttrs& a) {
             c.input_grad(0, where(gt(c.input(0), 0), c.grad(0), scaled(c.grad(0), a.negative_slope)));
           },
       .cost = per_element<2, LeakyReluAttrs>,
       .elementwise = true,
       .onnx = {"LeakyRelu", 6}});
  at(kElu) = define<EluAttrs>(
      {.name = "elu",
       .doc = "x if x > 0 else alpha * (e^x - 1)",
       .infer = infer_elu,
       .vjp =
           [](Vjp& c,
              const EluAttrs& a) {  // below 0 the derivative alpha e^x is y + alpha, which cannot overflow
             const Tensor& y = c.output(0);
             c.input_grad(0, where(gt(y, 0), c.grad(0), c.grad(0) * (y + a.alpha)));
           },
       .saves = Saves::kOutputs,
       .cost = per_element<4, EluAttrs>,
       .elementwise = true,
       .onnx = {"Elu", 6}});
}

const Table& table() {
  static const Table ops = [] {
    Table t;
    define_arithmetic(t);
    define_transcendental(t);
    define_activations(t);
    return t;
  }();
  return ops;
}

Tensor run(UnaryFn fn, const Tensor& x) { return apply1(op::unary(fn), {x}); }

}  // namespace

const OpDef& op::unary(UnaryFn fn) {
  static const Table& ops = table();
  return ops[static_cast<size_t>(fn)];
}

const OpDef& op::cast() {
  static const OpDef op = define<CastAttrs>(
      {.name = "cast",
       .doc = "conversion to another dtype",
       .infer = [](Infer& c, const CastAttrs& a) { keep(c, dtype_from_name(a.dtype)); },
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
Tensor square(const Tensor& x) { return run(UnaryFn::kSquare, x); }
Tensor exp(const Tensor& x) { return run(UnaryFn::kExp, x); }
Tensor expm1(const Tensor& x) { return run(UnaryFn::kExpm1, x); }
Tensor log(const Tensor& x) { return run(UnaryFn::kLog, x); }
Tensor log1p(const Tensor& x) { return run(UnaryFn::kLog1p, x); }
Tensor log2(const Tensor& x) { return run(UnaryFn::kLog2, x); }
Tensor log10(const Tensor& x) { return run(UnaryFn::kLog10, x); }
Tensor sqrt(const Tensor& x) { return run(UnaryFn::kSqrt, x); }
Tensor rsqrt(const Tensor& x) { return run(UnaryFn::kRsqrt, x); }
Tensor reciprocal(const Tensor& x) { return run(UnaryFn::kReciprocal, x); }
Tensor sin(const Tensor& x) { return run(UnaryFn::kSin, x); }
Tensor cos(const Tensor& x) { return run(UnaryFn::kCos, x); }
Tensor tan(const Tensor& x) { return run(UnaryFn::kTan, x); }
Tensor asin(const Tensor& x) { return run(UnaryFn::kAsin, x); }
Tensor acos(const Tensor& x) { return run(UnaryFn::kAcos, x); }
Tensor atan(const Tensor& x) { return run(UnaryFn::kAtan, x); }
Tensor sinh(const Tensor& x) { return run(UnaryFn::kSinh, x); }
Tensor cosh(const Tensor& x) { return run(UnaryFn::kCosh, x); }
Tensor tanh(const Tensor& x) { return run(UnaryFn::kTanh, x); }
Tensor erf(const Tensor& x) { return run(UnaryFn::kErf, x); }
Tensor floor(const Tensor& x) { return run(UnaryFn::kFloor, x); }
Tensor ceil(const Tensor& x) { return run(UnaryFn::kCeil, x); }
Tensor round(const Tensor& x) { return run(UnaryFn::kRound, x); }
Tensor trunc(const Tensor& x) { return run(UnaryFn::kTrunc, x); }
Tensor isnan(const Tensor& x) { return run(UnaryFn::kIsnan, x); }
Tensor isinf(const Tensor& x) { return run(UnaryFn::kIsinf, x); }
Tensor isfinite(const Tensor& x) { return run(UnaryFn::kIsfinite, x); }
Tensor logical_not(const Tensor& x) { return run(UnaryFn::kLogicalNot, x); }

Tensor relu(const Tensor& x) { return run(UnaryFn::kRelu, x); }
Tensor sigmoid(const Tensor& x) { return run(UnaryFn::kSigmoid, x); }
Tensor silu(const Tensor& x) { return run(UnaryFn::kSilu, x); }
Tensor leaky_relu(const Tensor& x, double slope) {
  return apply1<LeakyReluAttrs>(op::unary(UnaryFn::kLeakyRelu), {x}, {slope});
}
Tensor elu(const Tensor& x, double alpha) { return apply1<EluAttrs>(op::unary(UnaryFn::kElu), {x}, {alpha}); }
Tensor gelu(const Tensor& x, bool tanh_approximation) {
  return apply1<GeluAttrs>(op::unary(UnaryFn::kGelu), {x}, {tanh_approximation ? "tanh" : "none"});
}
Tensor softplus(const Tensor& x, double beta, double threshold) {
  return apply1<SoftplusAttrs>(op::unary(UnaryFn::kSoftplus), {x}, {beta, threshold});
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
