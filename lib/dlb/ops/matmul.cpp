#include "dlb/ops/matmul.h"

#include "dlb/ops/binary.h"
#include "dlb/ops/binary_defs.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/matmul_defs.h"
#include "dlb/ops/pair_products.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {
namespace {

void infer_matmul(Infer& c, const NoAttrs&) {
  c.floating(0);
  c.floating(1);
  c.same_dtype(0, 1);
  const TensorSpec& a = c.input(0);
  const TensorSpec& b = c.input(1);
  if (a.rank() < 2 || b.rank() < 2 || a.dim(-1) != b.dim(-2)) {
    fail(ErrorKind::kShape, "matmul: inner sizes differ: {} x {}", shape_text(a.shape), shape_text(b.shape));
  }
  const Shape batch_a(a.shape.begin(), a.shape.end() - 2);
  const Shape batch_b(b.shape.begin(), b.shape.end() - 2);
  Shape out;
  try {
    out = broadcast_shapes(batch_a, batch_b);
  } catch (const Error&) {
    fail(ErrorKind::kShape, "matmul: batch sizes do not broadcast: {} x {}", shape_text(a.shape),
         shape_text(b.shape));
  }
  out.push_back(a.dim(-2));
  out.push_back(b.dim(-1));
  static_cast<void>(numel(out));
  c.output(out, a.dtype);
}

void vjp_matmul(Vjp& c, const NoAttrs&) {
  const Tensor& a = c.input(0);
  const Tensor& b = c.input(1);
  const Tensor& g = c.grad(0);
  if (c.needs(0)) c.input_grad(0, sum_to(matmul(g, transpose(b, -2, -1)), a.shape()));
  if (c.needs(1)) c.input_grad(1, sum_to(matmul(transpose(a, -2, -1), g), b.shape()));
}

Cost cost_matmul(Inputs in, Inputs out, const NoAttrs&) {
  return {2.0 * static_cast<double>(out[0].numel()) * static_cast<double>(in[0].dim(-1)),
          moved_bytes(in, out)};
}

void infer_linear(Infer& c, const NoAttrs&) {
  const TensorSpec& x = c.input(0);
  const TensorSpec& w = c.input(1);
  c.floating(0);
  c.same_dtype(0, 1);
  if (w.rank() != 2) {
    fail(ErrorKind::kShape, "linear expects weight [out, in], got {}", shape_text(w.shape));
  }
  if (x.rank() < 1 || x.dim(-1) != w.dim(1)) {
    fail(ErrorKind::kShape, "linear expects input [..., {}], got {}", w.dim(1), shape_text(x.shape));
  }
  if (c.has(2)) {
    c.same_dtype(0, 2);
    const TensorSpec& b = c.input(2);
    if (b.rank() != 1 || b.dim(0) != w.dim(0)) {
      fail(ErrorKind::kShape, "linear expects bias [{}], got {}", w.dim(0), shape_text(b.shape));
    }
  }
  Shape out = x.shape;
  out.back() = w.dim(0);
  static_cast<void>(numel(out));
  c.output(out, x.dtype);
}

/// Leading dimensions flattened into one.
Tensor rows_of(const Tensor& x) {
  if (x.rank() == 2) return x;
  int64_t rows = 1;
  for (int i = 0; i + 1 < x.rank(); ++i) rows *= x.dim(i);
  return reshape(x, {rows, x.dim(-1)});
}

void vjp_linear(Vjp& c, const NoAttrs&) {
  const Tensor& x = c.input(0);
  const Tensor g = rows_of(c.grad(0));
  if (c.needs(0)) c.input_grad(0, reshape(matmul(g, c.input(1)), x.shape()));
  if (c.needs(1)) c.input_grad(1, matmul(transpose(g, 0, 1), rows_of(x)));
  if (c.needs(2)) c.input_grad(2, sum(g, {0}));
}

Outputs reference_linear(Inputs in, const NoAttrs&) {
  Tensor y = matmul(in[0], transpose(in[1], 0, 1));
  if (in.size() > 2 && in[2].defined()) y = add(y, in[2]);
  return {y};
}

void infer_fused_linear(Infer& c, const Epilogue&) {
  infer_linear(c, {});
  check_residual(c);
}

Outputs reference_fused_linear(Inputs in, const Epilogue& e) {
  const auto at = [&](size_t i) { return in.size() > i ? in[i] : Tensor{}; };
  return {apply_epilogue(linear(in[0], in[1], at(2)), at(3), e)};
}

void vjp_gelu_linear(Vjp& c, const NoAttrs&) {
  const Tensor& x = c.input(0);
  const Tensor g = rows_of(c.grad(0));
  if (c.needs(1)) c.input_grad(1, matmul(transpose(g, 0, 1), rows_of(gelu(x))));
  if (c.needs(2)) c.input_grad(2, sum(g, {0}));
  if (c.needs(0)) c.input_grad(0, gelu_backward(reshape(matmul(g, c.input(1)), x.shape()), x));
}

Outputs reference_gelu_linear(Inputs in, const NoAttrs&) {
  return {linear(gelu(in[0]), in[1], in.size() > 2 ? in[2] : Tensor{})};
}

template <class A>
Cost cost_linear(Inputs in, Inputs out, const A&) {
  return {2.0 * static_cast<double>(out[0].numel()) * static_cast<double>(in[0].dim(-1)),
          moved_bytes(in, out)};
}

}  // namespace

namespace op {

const OpDef& matmul() {
  static const OpDef def = define<NoAttrs>({.name = "matmul",
                                            .doc = "matrix product over the last two dimensions",
                                            .infer = infer_matmul,
                                            .vjp = vjp_matmul,
                                            .saves = Saves::kInputs,
                                            .cost = cost_matmul,
                                            .onnx = {"MatMul", 13}});
  return def;
}

const OpDef& linear() {
  static const OpDef def = define<NoAttrs>({.name = "linear",
                                            .doc = "x W^T + b",
                                            .infer = infer_linear,
                                            .vjp = vjp_linear,
                                            .saves = Saves::kInputs,
                                            .reference = reference_linear,
                                            .cost = cost_linear<NoAttrs>,
                                            .onnx = {"Gemm", 13}});
  return def;
}

const OpDef& gelu_linear() {
  static const OpDef def = define<NoAttrs>({.name = "gelu_linear",
                                            .doc = "gelu(x) W^T + b",
                                            .infer = infer_linear,
                                            .vjp = vjp_gelu_linear,
                                            .saves = Saves::kInputs,
                                            .reference = reference_gelu_linear,
                                            .cost = cost_linear<NoAttrs>});
  return def;
}

const OpDef& fused_linear() {
  static const OpDef def = define<Epilogue>({.name = "fused_linear",
                                             .doc = "f(x W^T + b + residual), for inference",
                                             .infer = infer_fused_linear,
                                             .reference = reference_fused_linear,
                                             .cost = cost_linear<Epilogue>});
  return def;
}

}  // namespace op

std::span<const OpDef* const> matmul_ops() {
  static const OpDef* const list[] = {&op::matmul(),       &op::linear(),        &op::gelu_linear(),
                                      &op::fused_linear(), &op::pair_products(), &op::pair_products_grad()};
  return list;
}

namespace {

/// Products of integers, which wrap around as sums and products of their dtype do. In float64 as long as that
/// is exact; else element by element.
Tensor integer_matmul(const Tensor& a, const Tensor& b) {
  const Tensor x = cast(a, DType::kFloat64);
  const Tensor y = cast(b, DType::kFloat64);
  const auto largest = [](const Tensor& t) { return t.numel() == 0 ? 0 : amax(abs(t)).item(); };
  if (a.is_meta() || b.is_meta() || largest(x) * largest(y) * static_cast<double>(a.dim(-1)) < 0x1p53) {
    return cast(cast(matmul(x, y), DType::kInt64), a.dtype());
  }
  const Tensor products = mul(unsqueeze(cast(a, DType::kInt64), -1), unsqueeze(cast(b, DType::kInt64), -3));
  return cast(sum(products, {-2}), a.dtype());
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  if (a.rank() == 0 || b.rank() == 0) {
    fail(ErrorKind::kShape, "matmul expects at least 1 dimension, got {} x {}", shape_text(a.shape()),
         shape_text(b.shape()));
  }
  const bool row = a.rank() == 1;
  const bool column = b.rank() == 1;
  if (a.dim(-1) != b.dim(column ? 0 : -2)) {
    fail(ErrorKind::kShape, "matmul: inner sizes differ: {} x {}", shape_text(a.shape()),
         shape_text(b.shape()));
  }
  if (row || column) {
    Tensor y = matmul(row ? unsqueeze(a, 0) : a, column ? unsqueeze(b, 1) : b);
    if (column) y = squeeze(y, -1);
    if (row) y = squeeze(y, column ? -1 : -2);
    return y;
  }
  if (is_integral(a.dtype()) && a.dtype() == b.dtype()) return integer_matmul(a, b);
  if (b.rank() == 2 && a.rank() > 2 && a.is_contiguous()) {
    // One product instead of a batch of them, and no broadcast copies in the gradient of b.
    Shape out = a.shape();
    out.back() = b.dim(1);
    return reshape(apply1(op::matmul(), {rows_of(a), b}), out);
  }
  return apply1(op::matmul(), {a, b});
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return apply1(op::linear(), {contiguous(x), weight, bias});
}

Tensor fused_linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
                    const Epilogue& epilogue) {
  return apply1(op::fused_linear(),
                {contiguous(x), weight, bias, residual.defined() ? contiguous(residual) : residual},
                epilogue);
}

Tensor gelu_linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return apply1(op::gelu_linear(), {contiguous(x), weight, bias});
}

}  // namespace dlb
