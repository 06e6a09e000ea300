#include "dlb/ops/pointwise.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/pointwise_defs.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/unary.h"

namespace dlb {

namespace {

Tensor constant(double value, const Tensor& like) { return full({}, value, like.dtype(), like.device()); }
Tensor scaled(const Tensor& x, double factor) { return factor == 1 ? x : affine(x, factor, -0.0); }

void check_floating(const char* name, Inputs inputs) {
  for (const Tensor& t : inputs) {
    if (!is_floating(t.dtype())) {
      fail(ErrorKind::kDtype, "{} expects floating dtypes, got {}", name, spec_text(t.spec()));
    }
  }
}

void check_one_dtype(const char* name, const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype()) {
    fail(ErrorKind::kDtype, "{} expects tensors of one dtype, got {} and {}", name, dtype_name(a.dtype()),
         dtype_name(b.dtype()));
  }
}

void infer_clamp(Infer& c, const NoAttrs&) {
  const DType dtype = promote_operands(c.all());
  if (dtype == DType::kBool) c.fail_dtype("expects a numeric dtype, got bool");
  elementwise_output(c, c.all(), dtype);
}

Outputs reference_clamp(Inputs in, const NoAttrs&) {
  Tensor y = in[1].defined() ? maximum(in[0], in[1]) : in[0];
  if (in[2].defined()) y = minimum(y, in[2]);
  return {y};
}

/// PyTorch's shares: limits in the wrong order leave nothing to x and low, equal limits nothing to either
/// where x meets them.
void vjp_clamp(Vjp& c, const NoAttrs&) {
  const Tensor &x = c.input(0), &low = c.input(1), &high = c.input(2);
  const Tensor& g = c.grad(0);
  const Tensor zero = constant(0, g);
  const Tensor half = scaled(g, 0.5);
  const auto give = [&](int i, const Tensor& share) {
    if (c.needs(i)) c.input_grad(i, operand_grad(share, c.input(i).spec()));
  };
  if (!c.has(1) || !c.has(2)) {
    const bool below = c.has(1);
    const Tensor& limit = below ? low : high;
    const Tensor shared = where(eq(x, limit), half, g);
    give(0, where(below ? lt(x, limit) : gt(x, limit), zero, shared));
    give(below ? 1 : 2, where(below ? gt(x, limit) : lt(x, limit), zero, shared));
    return;
  }
  const Tensor ordered = lt(low, high);
  const Tensor meets_low = logical_and(eq(x, low), ordered);
  const Tensor meets_high = logical_and(eq(x, high), ordered);
  const Tensor at_high = logical_or(gt(low, high), logical_and(gt(x, high), le(low, high)));
  give(0,
       where(logical_or(lt(x, low), gt(x, high)), zero, where(logical_or(meets_low, meets_high), half, g)));
  give(1, where(logical_and(lt(x, low), le(low, high)), g, where(meets_low, half, zero)));
  give(2, where(at_high, g, where(meets_high, half, zero)));
}

double largest_finite(DType t) {
  switch (t) {
    case DType::kFloat64:
      return std::numeric_limits<double>::max();
    case DType::kFloat16:
      return 65504;
    case DType::kBFloat16:
      return 0x1.fep127;
    default:
      return static_cast<double>(std::numeric_limits<float>::max());
  }
}

}  // namespace

const OpDef& op::clamp_tensor() {
  static const OpDef op = define<NoAttrs>({.name = "clamp_tensor",
                                           .doc = "min(max(x, low), high) with tensors as limits",
                                           .infer = infer_clamp,
                                           .vjp = vjp_clamp,
                                           .reference = reference_clamp,
                                           .cost = per_element<2>,
                                           .elementwise = true,
                                           .onnx = {"Clip", 13}});
  return op;
}

std::span<const OpDef* const> pointwise_ops() {
  static const OpDef* const ops[] = {&op::clamp_tensor()};
  return ops;
}

Tensor addcmul(const Tensor& x, const Tensor& a, const Tensor& b, double value) {
  const Tensor operands[] = {x, a, b};
  if (promote_operands(operands) == DType::kBool) {
    fail(ErrorKind::kDtype, "addcmul expects a numeric dtype, got bool");
  }
  return x + scaled(a, value) * b;
}

Tensor addcdiv(const Tensor& x, const Tensor& a, const Tensor& b, double value) {
  const Tensor operands[] = {a, b};
  if (!is_floating(promote_operands(operands))) {
    fail(ErrorKind::kDtype, "addcdiv expects floating dtypes, got {} and {}", dtype_name(a.dtype()),
         dtype_name(b.dtype()));
  }
  return x + scaled(a, value) / b;
}

Tensor lerp(const Tensor& a, const Tensor& b, double weight) {
  check_floating("lerp", {&a, 1});
  check_one_dtype("lerp", a, b);
  const Tensor difference = b - a;
  return std::abs(weight) < 0.5 ? a + difference * weight : b + difference * (weight - 1);
}

Tensor lerp(const Tensor& a, const Tensor& b, const Tensor& weight) {
  check_floating("lerp", {&a, 1});
  check_one_dtype("lerp", a, b);
  check_one_dtype("lerp", a, weight);
  // From the nearer end, so that weights 0 and 1 give a and b.
  const Tensor near_a = lt(abs(weight.detach()), 0.5);
  return where(near_a, a, b) + (b - a) * where(near_a, weight, weight - 1.0);
}

Tensor clamp(const Tensor& x, const Tensor& low, const Tensor& high) {
  if (!low.defined() && !high.defined()) {
    fail(ErrorKind::kConfig, "clamp expects a lower limit, an upper limit or both");
  }
  return apply1(op::clamp_tensor(), {x, low, high});
}

Tensor masked_fill(const Tensor& x, const Tensor& mask, const Tensor& value) {
  if (mask.dtype() != DType::kBool) {
    fail(ErrorKind::kDtype, "masked_fill expects a mask of dtype bool, got {}", dtype_name(mask.dtype()));
  }
  if (value.rank() != 0) {
    fail(ErrorKind::kShape, "masked_fill expects a 0-d value, got {}", shape_text(value.shape()));
  }
  return where(mask, cast(value, x.dtype()), x);
}

Tensor nan_to_num(const Tensor& x, std::optional<double> nan, std::optional<double> posinf,
                  std::optional<double> neginf) {
  if (!is_floating(x.dtype())) return x;
  const double most = largest_finite(x.dtype());
  const Tensor number = where(isnan(x), constant(nan.value_or(0), x), x);
  const Tensor below = where(isposinf(x), constant(posinf.value_or(most), x), number);
  return where(isneginf(x), constant(neginf.value_or(-most), x), below);
}

Tensor isclose(const Tensor& a, const Tensor& b, double rtol, double atol, bool equal_nan) {
  check_one_dtype("isclose", a, b);
  if (!(rtol >= 0 && atol >= 0)) {
    fail(ErrorKind::kConfig, "isclose expects tolerances of at least 0, got rtol {} and atol {}", rtol, atol);
  }
  const NoGrad guard;
  Tensor close = eq(a, b);
  const bool floating = is_floating(a.dtype());
  if (equal_nan && floating) close = logical_or(close, logical_and(isnan(a), isnan(b)));
  if (rtol == 0 && atol == 0) return close;
  // The difference of integers may overflow, and bools have none.
  const Tensor x = floating ? a : cast(a, DType::kFloat64);
  const Tensor y = floating ? b : cast(b, DType::kFloat64);
  const Tensor distance = abs(x - y);
  const Tensor near = logical_and(isfinite(distance), le(distance, affine(abs(y), rtol, atol)));
  return logical_or(close, near);
}

bool allclose(const Tensor& a, const Tensor& b, double rtol, double atol, bool equal_nan) {
  return all(isclose(a, b, rtol, atol, equal_nan)).item() != 0;
}

Tensor heaviside(const Tensor& x, const Tensor& values) {
  check_one_dtype("heaviside", x, values);
  return where(eq(x, 0), values, cast(gt(x, 0), x.dtype()));
}

Tensor ldexp(const Tensor& a, const Tensor& b) {
  const Tensor power = exp2(b);
  return mul(a, power);
}

Tensor float_power(const Tensor& a, const Tensor& b) {
  return pow(cast(a, DType::kFloat64), cast(b, DType::kFloat64));
}

Tensor deg2rad(const Tensor& x) {
  return scaled(is_floating(x.dtype()) ? x : cast(x, DType::kFloat32), std::numbers::pi / 180);
}
Tensor rad2deg(const Tensor& x) {
  return scaled(is_floating(x.dtype()) ? x : cast(x, DType::kFloat32), 180 / std::numbers::pi);
}

}  // namespace dlb
