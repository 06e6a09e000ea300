// Elementary functions of one tensor and their derivatives.
#include <numbers>

#include "dlb/ops/binary.h"
#include "dlb/ops/binary_defs.h"
#include "dlb/ops/unary_rows.h"

namespace dlb {

namespace unary_rows {

void define_math(Table& table) {
  const auto at = [&](UnaryFn fn) -> OpDef& { return table[static_cast<size_t>(fn)]; };
  using enum UnaryFn;
  constexpr double kLog2e = std::numbers::log2e;
  constexpr double kLog10e = std::numbers::log10e;
  at(kExp) = real("exp", "e^x", [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * c.output(0)); },
                  Saves::kOutputs, {"Exp", 13});
  at(kExpm1) = real(
      "expm1", "e^x - 1, exact near 0",
      [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * (c.output(0) + 1.0)); }, Saves::kOutputs);
  at(kLog) = real("log", "natural logarithm",
                  [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) / c.input(0)); }, Saves::kInputs,
                  {"Log", 13});
  at(kLog1p) = real(
      "log1p", "ln(1 + x), exact near 0",
      [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) / (c.input(0) + 1.0)); }, Saves::kInputs);
  at(kLog2) = real(
      "log2", "logarithm to base 2",
      [](Vjp& c, const NoAttrs&) { c.input_grad(0, scaled(c.grad(0) / c.input(0), kLog2e)); },
      Saves::kInputs);
  at(kLog10) = real(
      "log10", "logarithm to base 10",
      [](Vjp& c, const NoAttrs&) { c.input_grad(0, scaled(c.grad(0) / c.input(0), kLog10e)); },
      Saves::kInputs);
  at(kSin) = real("sin", "sine", [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * cos(c.input(0))); },
                  Saves::kInputs, {"Sin", 7});
  at(kCos) =
      real("cos", "cosine", [](Vjp& c, const NoAttrs&) { c.input_grad(0, neg(c.grad(0) * sin(c.input(0)))); },
           Saves::kInputs, {"Cos", 7});
  at(kTan) = real("tan", "tangent",
                  [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * (square(c.output(0)) + 1.0)); },
                  Saves::kOutputs, {"Tan", 7});
  at(kAsin) = real(
      "asin", "inverse sine",
      [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * rsqrt(affine(square(c.input(0)), -1, 1))); },
      Saves::kInputs, {"Asin", 7});
  at(kAcos) = real("acos", "inverse cosine",
                   [](Vjp& c, const NoAttrs&) {
                     c.input_grad(0, neg(c.grad(0) * rsqrt(affine(square(c.input(0)), -1, 1))));
                   },
                   Saves::kInputs, {"Acos", 7});
  at(kAtan) = real("atan", "inverse tangent",
                   [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) / (square(c.input(0)) + 1.0)); },
                   Saves::kInputs, {"Atan", 7});
  at(kSinh) = real("sinh", "hyperbolic sine",
                   [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * cosh(c.input(0))); },
                   Saves::kInputs, {"Sinh", 9});
  at(kCosh) = real("cosh", "hyperbolic cosine",
                   [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * sinh(c.input(0))); },
                   Saves::kInputs, {"Cosh", 9});
  at(kTanh) = real("tanh", "hyperbolic tangent",
                   [](Vjp& c, const NoAttrs&) { c.input_grad(0, tanh_backward(c.grad(0), c.output(0))); },
                   Saves::kOutputs, {"Tanh", 13});
  at(kErf) =
      real("erf", "error function",
           [](Vjp& c, const NoAttrs&) {
             c.input_grad(0, c.grad(0) * scaled(exp(neg(square(c.input(0)))), 2 * std::numbers::inv_sqrtpi));
           },
           Saves::kInputs, {"Erf", 13});
  at(kExp2) = real(
      "exp2", "2^x",
      [](Vjp& c, const NoAttrs&) { c.input_grad(0, scaled(c.grad(0) * c.output(0), std::numbers::ln2)); },
      Saves::kOutputs);
  at(kAsinh) =
      real("asinh", "inverse hyperbolic sine",
           [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * rsqrt(square(c.input(0)) + 1.0)); },
           Saves::kInputs, {"Asinh", 9});
  at(kAcosh) =
      real("acosh", "inverse hyperbolic cosine",
           [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * rsqrt(square(c.input(0)) - 1.0)); },
           Saves::kInputs, {"Acosh", 9});
  at(kAtanh) =
      real("atanh", "inverse hyperbolic tangent",
           [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) / affine(square(c.input(0)), -1, 1)); },
           Saves::kInputs, {"Atanh", 9});
  at(kErfc) = real(
      "erfc", "1 - erf(x)",
      [](Vjp& c, const NoAttrs&) {
        c.input_grad(0, c.grad(0) * scaled(exp(neg(square(c.input(0)))), -2 * std::numbers::inv_sqrtpi));
      },
      Saves::kInputs);
  at(kSigmoid) =
      real("sigmoid", "1 / (1 + e^-x)",
           [](Vjp& c, const NoAttrs&) { c.input_grad(0, sigmoid_backward(c.grad(0), c.output(0))); },
           Saves::kOutputs, {"Sigmoid", 13});
}

}  // namespace unary_rows

using unary_rows::run;

Tensor exp(const Tensor& x) { return run(UnaryFn::kExp, x); }
Tensor exp2(const Tensor& x) { return run(UnaryFn::kExp2, x); }
Tensor expm1(const Tensor& x) { return run(UnaryFn::kExpm1, x); }
Tensor log(const Tensor& x) { return run(UnaryFn::kLog, x); }
Tensor log1p(const Tensor& x) { return run(UnaryFn::kLog1p, x); }
Tensor log2(const Tensor& x) { return run(UnaryFn::kLog2, x); }
Tensor log10(const Tensor& x) { return run(UnaryFn::kLog10, x); }
Tensor sin(const Tensor& x) { return run(UnaryFn::kSin, x); }
Tensor cos(const Tensor& x) { return run(UnaryFn::kCos, x); }
Tensor tan(const Tensor& x) { return run(UnaryFn::kTan, x); }
Tensor asin(const Tensor& x) { return run(UnaryFn::kAsin, x); }
Tensor acos(const Tensor& x) { return run(UnaryFn::kAcos, x); }
Tensor atan(const Tensor& x) { return run(UnaryFn::kAtan, x); }
Tensor sinh(const Tensor& x) { return run(UnaryFn::kSinh, x); }
Tensor cosh(const Tensor& x) { return run(UnaryFn::kCosh, x); }
Tensor tanh(const Tensor& x) { return run(UnaryFn::kTanh, x); }
Tensor asinh(const Tensor& x) { return run(UnaryFn::kAsinh, x); }
Tensor acosh(const Tensor& x) { return run(UnaryFn::kAcosh, x); }
Tensor atanh(const Tensor& x) { return run(UnaryFn::kAtanh, x); }
Tensor erf(const Tensor& x) { return run(UnaryFn::kErf, x); }
Tensor erfc(const Tensor& x) { return run(UnaryFn::kErfc, x); }
Tensor sigmoid(const Tensor& x) { return run(UnaryFn::kSigmoid, x); }

}  // namespace dlb
