#include "dlb/ops/activation.h"

#include <cmath>
#include <numbers>

#include "dlb/ops/binary.h"
#include "dlb/ops/binary_defs.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary_rows.h"

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
Fields HardtanhAttrs::fields() {
  static const Field list[] = {field<&HardtanhAttrs::min>("min", "lower limit"),
                               field<&HardtanhAttrs::max>("max", "upper limit")};
  return list;
}
Fields ThresholdAttrs::fields() {
  static const Field list[] = {field<&ThresholdAttrs::threshold>("threshold", "x is kept where it is above"),
                               field<&ThresholdAttrs::value>("value", "the result elsewhere")};
  return list;
}
Fields ShrinkAttrs::fields() {
  static const Field list[] = {field<&ShrinkAttrs::lambd>("lambd", "half width of the zero zone")};
  return list;
}

namespace unary_rows {

namespace {

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

void infer_hardtanh(Infer& c, const HardtanhAttrs& a) {
  if (a.min > a.max) {
    fail(ErrorKind::kUnsupported, "hardtanh expects min <= max, got {} and {}", a.min, a.max);
  }
  infer_numeric(c, a);
}

Tensor gelu_tanh_gradient(const Tensor& x) {
  constexpr double kScale = 0.79788456080286536;  // sqrt(2 / pi)
  constexpr double kCube = 0.044715;
  const Tensor x2 = square(x);
  const Tensor t = tanh(x * affine(x2, kScale * kCube, kScale));
  const Tensor inner = affine(x2, 3 * kScale * kCube, kScale);
  return affine(t, 0.5, 0.5) + scaled(x * affine(square(t), -1, 1) * inner, 0.5);
}

/// With t = tanh(softplus(x)): t + x sigmoid(x) (1 - t^2).
Tensor mish_gradient(const Tensor& x) {
  const Tensor t = tanh(softplus(x));
  return t + x * sigmoid(x) * affine(square(t), -1, 1);
}

void vjp_shrink(Vjp& c, const ShrinkAttrs& a) {
  const Tensor& x = c.input(0);
  c.input_grad(0, where(logical_and(ge(x, -a.lambd), le(x, a.lambd)), zero_of(c.grad(0)), c.grad(0)));
}

}  // namespace

void define_activations(Table& table) {
  const auto at = [&](UnaryFn fn) -> OpDef& { return table[static_cast<size_t>(fn)]; };
  using enum UnaryFn;
  at(kRelu) = row("relu", "max(x, 0)", infer_numeric<NoAttrs>,
                  [](Vjp& c, const NoAttrs&) { c.input_grad(0, relu_backward(c.grad(0), c.output(0))); },
                  Saves::kOutputs, {"Relu", 13});
  at(kSilu) = floating(
      "silu", "x * sigmoid(x)",
      [](Vjp& c, const NoAttrs&) { c.input_grad(0, silu_backward(c.grad(0), c.input(0))); }, Saves::kInputs);
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
             c.input_grad(0, where(le(y, 0), c.grad(0) * (y + a.alpha), c.grad(0)));
           },
       .saves = Saves::kOutputs,
       .cost = per_element<4, EluAttrs>,
       .elementwise = true,
       .onnx = {"Elu", 6}});
  at(kHardtanh) = define<HardtanhAttrs>(
      {.name = "hardtanh",
       .doc = "x limited to [min, max], without a gradient at the limits",
       .infer = infer_hardtanh,
       .vjp =
           [](Vjp& c, const HardtanhAttrs& a) {
             const Tensor& x = c.input(0);
             // A NaN is not at the limits and passes its gradient on.
             c.input_grad(0, where(logical_or(le(x, a.min), ge(x, a.max)), zero_of(c.grad(0)), c.grad(0)));
           },
       .cost = per_element<2, HardtanhAttrs>,
       .elementwise = true});
  at(kThreshold) = define<ThresholdAttrs>(
      {.name = "threshold",
       .doc = "x if x > threshold else value",
       .infer = infer_numeric<ThresholdAttrs>,
       .vjp =
           [](Vjp& c, const ThresholdAttrs& a) {
             c.input_grad(0, where(le(c.input(0), a.threshold), zero_of(c.grad(0)), c.grad(0)));
           },
       .cost = per_element<1, ThresholdAttrs>,
       .elementwise = true});
  at(kHardsigmoid) = floating("hardsigmoid", "relu6(x + 3) / 6",
                              [](Vjp& c, const NoAttrs&) {
                                const Tensor& x = c.input(0);
                                // PyTorch's slope is float32's 1/6 in every dtype; gradients shall agree with
                                // it.
                                constexpr double kSlope = 1.0F / 6;
                                c.input_grad(0, where(logical_and(gt(x, -3), lt(x, 3)),
                                                      scaled(c.grad(0), kSlope), zero_of(c.grad(0))));
                              },
                              Saves::kInputs, {"HardSigmoid", 6});
  at(kHardswish) = floating("hardswish", "x * relu6(x + 3) / 6",
                            [](Vjp& c, const NoAttrs&) {
                              const Tensor& x = c.input(0);
                              const Tensor middle =
                                  where(lt(x, 3), c.grad(0) * affine(x, 1.0 / 3, 0.5), c.grad(0));
                              c.input_grad(0, where(le(x, -3), zero_of(c.grad(0)), middle));
                            },
                            Saves::kInputs, {"HardSwish", 14});
  at(kMish) = floating("mish", "x * tanh(softplus(x))",
                       [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * mish_gradient(c.input(0))); },
                       Saves::kInputs, {"Mish", 18});
  at(kLogsigmoid) = floating(
      "logsigmoid", "ln(1 / (1 + e^-x))",
      [](Vjp& c, const NoAttrs&) { c.input_grad(0, c.grad(0) * sigmoid(neg(c.input(0)))); }, Saves::kInputs);
  at(kSoftshrink) = define<ShrinkAttrs>({.name = "softshrink",
                                         .doc = "x moved by lambd towards 0, not beyond",
                                         .infer =
                                             [](Infer& c, const ShrinkAttrs& a) {
                                               if (!(a.lambd >= 0)) {
                                                 fail(ErrorKind::kUnsupported,
                                                      "softshrink expects lambd >= 0, got {}", a.lambd);
                                               }
                                               infer_floating(c, a);
                                             },
                                         .vjp = vjp_shrink,
                                         .cost = per_element<2, ShrinkAttrs>,
                                         .elementwise = true});
  at(kHardshrink) = define<ShrinkAttrs>({.name = "hardshrink",
                                         .doc = "0 if |x| <= lambd else x",
                                         .infer = infer_floating<ShrinkAttrs>,
                                         .vjp = vjp_shrink,
                                         .cost = per_element<1, ShrinkAttrs>,
                                         .elementwise = true});
}

}  // namespace unary_rows

using unary_rows::run;

Tensor relu(const Tensor& x) { return run(UnaryFn::kRelu, x); }
Tensor silu(const Tensor& x) { return run(UnaryFn::kSilu, x); }
Tensor mish(const Tensor& x) { return run(UnaryFn::kMish, x); }
Tensor logsigmoid(const Tensor& x) { return run(UnaryFn::kLogsigmoid, x); }
Tensor hardsigmoid(const Tensor& x) { return run(UnaryFn::kHardsigmoid, x); }
Tensor hardswish(const Tensor& x) { return run(UnaryFn::kHardswish, x); }
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
Tensor hardtanh(const Tensor& x, double low, double high) {
  return apply1<HardtanhAttrs>(op::unary(UnaryFn::kHardtanh), {x}, {low, high});
}
Tensor relu6(const Tensor& x) { return hardtanh(x, 0, 6); }
Tensor threshold(const Tensor& x, double threshold, double value) {
  return apply1<ThresholdAttrs>(op::unary(UnaryFn::kThreshold), {x}, {threshold, value});
}
Tensor softshrink(const Tensor& x, double lambda) {
  return apply1<ShrinkAttrs>(op::unary(UnaryFn::kSoftshrink), {x}, {lambda});
}
Tensor hardshrink(const Tensor& x, double lambda) {
  return apply1<ShrinkAttrs>(op::unary(UnaryFn::kHardshrink), {x}, {lambda});
}

}  // namespace dlb
