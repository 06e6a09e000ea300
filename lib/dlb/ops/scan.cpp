#include "dlb/ops/scan.h"

#include <algorithm>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/index.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/scan_defs.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {

Fields ScanAttrs::fields() {
  static const Field list[] = {field<&ScanAttrs::dim>("dim", "dimension along which to scan"),
                               field<&ScanAttrs::reverse>("reverse", "from the last element to the first")};
  return list;
}

namespace {

void infer_sum(Infer& c, const ScanAttrs& a) {
  c.dim(0, a.dim);
  const DType dtype = c.input(0).dtype;
  c.output(c.input(0).shape, is_floating(dtype) ? dtype : DType::kInt64);
}
void infer_floating(Infer& c, const ScanAttrs& a) {
  c.floating(0);
  c.dim(0, a.dim);
  c.output(c.input(0).shape, c.input(0).dtype);
}
void infer_extreme(Infer& c, const ScanAttrs& a) {
  c.dim(0, a.dim);
  c.output(c.input(0).shape, c.input(0).dtype);
  c.output(c.input(0).shape, DType::kInt64);
}
void infer_recurrence(Infer& c, const ScanAttrs& a) {
  c.floating(0);
  c.same_dtype(0, 1);
  if (!(c.input(0).shape == c.input(1).shape)) {
    c.fail_shape("expects factors and terms of one shape, got {} and {}", shape_text(c.input(0).shape),
                 shape_text(c.input(1).shape));
  }
  c.dim(0, a.dim);
  c.output(c.input(0).shape, c.input(0).dtype);
}

/// x moved by one along dim, away from the end where the scan starts, with zeros moved in.
Tensor delayed(const Tensor& x, int64_t dim, bool reverse) {
  const int64_t n = x.dim(dim);
  Shape edge = x.shape();
  edge[static_cast<size_t>(normalize_dim(dim, x.rank()))] = 1;
  const Tensor zero = zeros(edge, x.dtype(), x.device());
  if (reverse) return cat({narrow(x, dim, 1, n - 1), zero}, dim);
  return cat({zero, narrow(x, dim, 0, n - 1)}, dim);
}

void vjp_cumsum(Vjp& c, const ScanAttrs& a) { c.input_grad(0, cumsum(c.grad(0), a.dim, !a.reverse)); }

/// With y_j = y_i x_{i+1} ... x_j: dy_j / dx_i = y_{i-1} x_{i+1} ... x_j, so that no division is needed.
void vjp_cumprod(Vjp& c, const ScanAttrs& a) {
  const Tensor& x = c.input(0);
  if (x.rank() == 0 || x.numel() == 0) return c.input_grad(0, c.grad(0));
  const Tensor later = linear_recurrence(delayed(x, a.dim, !a.reverse), c.grad(0), a.dim, !a.reverse);
  const Tensor y = cumprod(x, a.dim, a.reverse);
  Shape edge = x.shape();
  edge[static_cast<size_t>(normalize_dim(a.dim, x.rank()))] = 1;
  const Tensor one = ones(edge, x.dtype(), x.device());
  const int64_t n = x.dim(a.dim);
  const Tensor before = a.reverse ? cat({narrow(y, a.dim, 1, n - 1), one}, a.dim)
                                  : cat({one, narrow(y, a.dim, 0, n - 1)}, a.dim);
  c.input_grad(0, before * later);
}

/// dx_i = exp(x_i - y_i) s_i with s_i = g_i + exp(y_i - y_{i+1}) s_{i+1}, where the last exponential is
/// 1 - exp(x_{i+1} - y_{i+1}): no exponent is positive.
void vjp_logcumsumexp(Vjp& c, const ScanAttrs& a) {
  if (c.input(0).numel() == 0) return c.input_grad(0, c.grad(0));
  // Differences of large numbers: in float32 they would be coarse.
  const Tensor x = cast(c.input(0), DType::kFloat64);
  const Tensor y = c.input(0).dtype() == DType::kFloat64 ? c.output(0) : logcumsumexp(x, a.dim);
  Tensor s = cast(c.grad(0), DType::kFloat64);
  if (x.rank() > 0) {
    const int64_t n = x.dim(a.dim);
    const Tensor later_x = narrow(x, a.dim, 1, n - 1);
    const Tensor later_y = narrow(y, a.dim, 1, n - 1);
    const Tensor zero = full({}, 0, x.dtype(), x.device());
    // Both may be infinite.
    const Tensor step = neg(expm1(where(eq(later_x, later_y), zero, later_x - later_y)));
    Shape edge = x.shape();
    edge[static_cast<size_t>(normalize_dim(a.dim, x.rank()))] = 1;
    const Tensor factor = cat({step, zeros(edge, x.dtype(), x.device())}, a.dim);
    s = linear_recurrence(factor, s, a.dim, kReverse);
  }
  c.input_grad(0, cast(exp(x - y) * s, c.input(0).dtype()));
}

void vjp_extreme(Vjp& c, const ScanAttrs& a) {
  const Tensor& g = c.grad(0);
  if (g.rank() == 0) return c.input_grad(0, g);
  c.input_grad(0, scatter_add(zeros(g.shape(), g.dtype(), g.device()), a.dim, c.output(1), g));
}

/// The adjoint of a recurrence is the recurrence in the other direction: s_i = g_i + a_{i+1} s_{i+1}.
void vjp_recurrence(Vjp& c, const ScanAttrs& a) {
  const Tensor& factor = c.input(0);
  if (factor.rank() == 0 || factor.numel() == 0) {
    if (c.needs(0)) c.input_grad(0, zeros_like(c.grad(0)));
    if (c.needs(1)) c.input_grad(1, c.grad(0));
    return;
  }
  const Tensor s = linear_recurrence(delayed(factor, a.dim, !a.reverse), c.grad(0), a.dim, !a.reverse);
  if (c.needs(0)) c.input_grad(0, s * delayed(c.output(0), a.dim, a.reverse));
  if (c.needs(1)) c.input_grad(1, s);
}

template <int kFlops>
Cost scan_cost(Inputs in, Inputs out, const ScanAttrs&) {
  return {kFlops * static_cast<double>(in[0].numel()), moved_bytes(in, out)};
}

Outputs run(const OpDef& op, const Tensor& x, int64_t dim, bool reverse = false) {
  return apply<ScanAttrs>(op, {x}, {dim, reverse});
}

}  // namespace

const OpDef& op::cumsum() {
  static const OpDef op = define<ScanAttrs>({.name = "cumsum",
                                             .doc = "running sum along a dimension",
                                             .infer = infer_sum,
                                             .vjp = vjp_cumsum,
                                             .saves = Saves::kNothing,
                                             .cost = scan_cost<1>,
                                             .onnx = {"CumSum", 14}});
  return op;
}
const OpDef& op::cumprod() {
  static const OpDef op = define<ScanAttrs>({.name = "cumprod",
                                             .doc = "running product along a dimension",
                                             .infer = infer_sum,
                                             .vjp = vjp_cumprod,
                                             .saves = Saves::kInputs,
                                             .cost = scan_cost<1>});
  return op;
}
const OpDef& op::logcumsumexp() {
  static const OpDef op = define<ScanAttrs>({.name = "logcumsumexp",
                                             .doc = "logarithm of the running sum of exponentials",
                                             .infer = infer_floating,
                                             .vjp = vjp_logcumsumexp,
                                             .saves = Saves::kBoth,
                                             .cost = scan_cost<10>});
  return op;
}
const OpDef& op::cummax() {
  static const OpDef op = define<ScanAttrs>({.name = "cummax",
                                             .doc = "running largest value and its index",
                                             .infer = infer_extreme,
                                             .vjp = vjp_extreme,
                                             .saves = Saves::kOutputs,
                                             .cost = scan_cost<1>});
  return op;
}
const OpDef& op::cummin() {
  static const OpDef op = define<ScanAttrs>({.name = "cummin",
                                             .doc = "running smallest value and its index",
                                             .infer = infer_extreme,
                                             .vjp = vjp_extreme,
                                             .saves = Saves::kOutputs,
                                             .cost = scan_cost<1>});
  return op;
}
const OpDef& op::linear_recurrence() {
  static const OpDef op = define<ScanAttrs>({.name = "linear_recurrence",
                                             .doc = "y_i = a_i y_{i-1} + b_i along a dimension",
                                             .infer = infer_recurrence,
                                             .vjp = vjp_recurrence,
                                             .saves = Saves::kBoth,
                                             .cost = scan_cost<2>});
  return op;
}

std::span<const OpDef* const> scan_ops() {
  static const OpDef* const ops[] = {&op::cumsum(), &op::cumprod(), &op::logcumsumexp(),
                                     &op::cummax(), &op::cummin(),  &op::linear_recurrence()};
  return ops;
}

Tensor cumsum(const Tensor& x, int64_t dim, bool reverse) { return run(op::cumsum(), x, dim, reverse)[0]; }
Tensor cumprod(const Tensor& x, int64_t dim, bool reverse) { return run(op::cumprod(), x, dim, reverse)[0]; }
Tensor logcumsumexp(const Tensor& x, int64_t dim) { return run(op::logcumsumexp(), x, dim)[0]; }
std::pair<Tensor, Tensor> cummax(const Tensor& x, int64_t dim) {
  const Outputs out = run(op::cummax(), x, dim);
  return {out[0], out[1]};
}
std::pair<Tensor, Tensor> cummin(const Tensor& x, int64_t dim) {
  const Outputs out = run(op::cummin(), x, dim);
  return {out[0], out[1]};
}
Tensor linear_recurrence(const Tensor& a, const Tensor& b, int64_t dim, bool reverse) {
  return apply1<ScanAttrs>(op::linear_recurrence(), {a, b}, {dim, reverse});
}

Tensor diff(const Tensor& x, int64_t n, int64_t dim, const Tensor& prepend, const Tensor& append) {
  if (x.rank() == 0) fail(ErrorKind::kShape, "diff expects at least one dimension, got a 0-d tensor");
  if (n < 0) fail(ErrorKind::kShape, "diff expects an order of at least 0, got {}", n);
  normalize_dim(dim, x.rank());
  if (n == 0) return x;
  // A 0-d part would be one more element in PyTorch's documentation, but its operator refuses it too.
  std::vector<Tensor> parts;
  for (const Tensor& part : {prepend, x, append}) {
    if (!part.defined()) continue;
    if (part.rank() != x.rank()) {
      fail(ErrorKind::kShape, "diff expects parts of as many dimensions as {}, got {}", shape_text(x.shape()),
           shape_text(part.shape()));
    }
    parts.push_back(part);
  }
  Tensor y = parts.size() == 1 ? x : cat(parts, dim);
  n = std::min(n, y.dim(dim));
  for (int64_t i = 0; i < n; ++i) {
    const int64_t left = std::max<int64_t>(y.dim(dim) - 1, 0);
    const Tensor after = narrow(y, dim, y.dim(dim) - left, left);
    const Tensor before = narrow(y, dim, 0, left);
    y = y.dtype() == DType::kBool ? logical_xor(after, before) : after - before;
  }
  return y;
}

namespace {

Tensor floating(const Tensor& x) { return is_floating(x.dtype()) ? x : cast(x, DType::kFloat32); }

int64_t integral_dim(const Tensor& y, int64_t dim) {
  if (y.rank() == 0) fail(ErrorKind::kShape, "trapezoid expects at least one dimension, got a 0-d tensor");
  if (y.dtype() == DType::kBool) fail(ErrorKind::kDtype, "trapezoid expects a numeric dtype, got bool");
  return normalize_dim(dim, y.rank());
}

/// y_i + y_{i+1} along dim.
Tensor pair_sums(const Tensor& y, int64_t dim) {
  const int64_t left = std::max<int64_t>(y.dim(dim) - 1, 0);
  return narrow(y, dim, y.dim(dim) - left, left) + narrow(y, dim, 0, left);
}

/// The spacings of the points x, shaped to multiply pair sums of y.
Tensor spacings(const Tensor& y, const Tensor& x, int64_t dim) {
  if (x.rank() == 0) fail(ErrorKind::kShape, "trapezoid expects points x with dimensions, got a 0-d tensor");
  if (x.rank() == 1) {
    if (x.dim(0) != y.dim(dim)) {
      fail(ErrorKind::kShape, "trapezoid expects one point x for each of {} values along dim {}, got {}",
           y.dim(dim), dim, x.dim(0));
    }
    Shape shape(static_cast<size_t>(y.rank()), 1);
    shape[static_cast<size_t>(dim)] = x.dim(0);
    return diff(reshape(x, shape), 1, dim);
  }
  // Counted from the end, as broadcasting does.
  const int64_t from_end = dim - y.rank();
  if (-from_end > x.rank()) {
    fail(ErrorKind::kShape, "trapezoid expects points x that broadcast with values {}, got {}",
         shape_text(y.shape()), shape_text(x.shape()));
  }
  return diff(x, 1, from_end);
}

Tensor areas(const Tensor& y, const Tensor& x, int64_t dim) {
  const Tensor widths = spacings(y, x, dim);
  return floating(widths * pair_sums(y, dim)) * 0.5;
}

}  // namespace

Tensor trapezoid(const Tensor& y, double dx, int64_t dim) {
  const int64_t d = integral_dim(y, dim);
  return sum(floating(pair_sums(y, d)), {d}) * (dx / 2);
}
Tensor trapezoid(const Tensor& y, const Tensor& x, int64_t dim) {
  const int64_t d = integral_dim(y, dim);
  return sum(areas(y, x, d), {d - y.rank()});
}
Tensor cumulative_trapezoid(const Tensor& y, double dx, int64_t dim) {
  const int64_t d = integral_dim(y, dim);
  return cumsum(floating(pair_sums(y, d)), d) * (dx / 2);
}
Tensor cumulative_trapezoid(const Tensor& y, const Tensor& x, int64_t dim) {
  const int64_t d = integral_dim(y, dim);
  return cumsum(areas(y, x, d), d - y.rank());
}

}  // namespace dlb
