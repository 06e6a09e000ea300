#include "dlb/ops/reduce.h"

#include <limits>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/reduce_defs.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {

Fields ReduceAttrs::fields() {
  static const Field list[] = {field<&ReduceAttrs::dim>("dim", "dimensions to reduce, empty for all"),
                               field<&ReduceAttrs::keepdim>("keepdim", "keep them with size 1")};
  return list;
}
Fields ArgReduceAttrs::fields() {
  static const Field list[] = {field<&ArgReduceAttrs::dim>("dim", "dimension to search"),
                               field<&ArgReduceAttrs::keepdim>("keepdim", "keep it with size 1")};
  return list;
}

ReducedDims reduced_dims(const ReduceAttrs& attrs, int rank) {
  ReducedDims reduced(static_cast<size_t>(rank), attrs.dim.empty());
  for (const int64_t d : attrs.dim) {
    const auto at = static_cast<size_t>(normalize_dim(d, rank));
    if (rank == 0) continue;  // a 0-d tensor counts as rank 1
    if (reduced[at]) fail(ErrorKind::kShape, "dim {} is given twice", d);
    reduced[at] = true;
  }
  return reduced;
}

namespace {

Shape reduced_shape(const Shape& shape, const ReducedDims& reduced, bool keepdim) {
  Shape out;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (!reduced[i]) {
      out.push_back(shape[i]);
    } else if (keepdim) {
      out.push_back(1);
    }
  }
  return out;
}

ReducedDims checked_dims(Infer& c, const ReduceAttrs& a) {
  for (const int64_t d : a.dim) c.dim(0, d);
  return reduced_dims(a, c.input(0).rank());
}

void reduce_output(Infer& c, const ReduceAttrs& a, DType dtype) {
  c.output(reduced_shape(c.input(0).shape, checked_dims(c, a), a.keepdim), dtype);
}

void infer_sum(Infer& c, const ReduceAttrs& a) {
  const DType dtype = c.input(0).dtype;
  reduce_output(c, a, is_floating(dtype) ? dtype : DType::kInt64);
}
void infer_floating(Infer& c, const ReduceAttrs& a) {
  c.floating(0);
  reduce_output(c, a, c.input(0).dtype);
}
void infer_extreme(Infer& c, const ReduceAttrs& a) {
  const ReducedDims reduced = checked_dims(c, a);
  for (size_t i = 0; i < reduced.size(); ++i) {
    if (reduced[i] && c.input(0).shape[i] == 0) c.fail_shape("of nothing: {}", shape_text(c.input(0).shape));
  }
  reduce_output(c, a, c.input(0).dtype);
}
void infer_bool(Infer& c, const ReduceAttrs& a) { reduce_output(c, a, DType::kBool); }
void infer_arg(Infer& c, const ArgReduceAttrs& a) {
  const int dim = c.dim(0, a.dim);
  const Shape& shape = c.input(0).shape;
  ReducedDims reduced(shape.size(), false);
  if (!shape.empty()) {
    reduced[static_cast<size_t>(dim)] = true;
    if (shape[static_cast<size_t>(dim)] == 0) c.fail_shape("of nothing: {}", shape_text(shape));
  }
  c.output(reduced_shape(shape, reduced, a.keepdim), DType::kInt64);
}

/// A reduced tensor with its reduced dimensions back at size 1.
Tensor with_dims(const Tensor& reduced, const Shape& shape, const ReduceAttrs& a) {
  return reshape(reduced, reduced_shape(shape, reduced_dims(a, static_cast<int>(shape.size())), true));
}

double reduced_count(const Shape& shape, const ReduceAttrs& a) {
  const ReducedDims reduced = reduced_dims(a, static_cast<int>(shape.size()));
  double n = 1;
  for (size_t i = 0; i < shape.size(); ++i) n *= reduced[i] ? static_cast<double>(shape[i]) : 1;
  return n;
}

void vjp_sum(Vjp& c, const ReduceAttrs& a) {
  const Shape& shape = c.input(0).shape();
  c.input_grad(0, expand(with_dims(c.grad(0), shape, a), shape));
}
void vjp_mean(Vjp& c, const ReduceAttrs& a) {
  const Shape& shape = c.input(0).shape();
  c.input_grad(0, expand(with_dims(c.grad(0) / reduced_count(shape, a), shape, a), shape));
}
void vjp_extreme(Vjp& c, const ReduceAttrs& a) {
  const Tensor& x = c.input(0);
  const Tensor ties = cast(eq(x, with_dims(c.output(0).detach(), x.shape(), a)), x.dtype());
  const Tensor count = sum(ties, Dims(a.dim.begin(), a.dim.end()), kKeepDim);
  c.input_grad(0, ties * (with_dims(c.grad(0), x.shape(), a) / count));
}
void vjp_norm(Vjp& c, const ReduceAttrs& a) {
  const Tensor& x = c.input(0);
  const Tensor y = with_dims(c.output(0), x.shape(), a);
  // At the origin the norm has no gradient; 0 is the subgradient of least norm.
  const Tensor one = full({}, 1, x.dtype(), x.device());
  c.input_grad(0, x * (with_dims(c.grad(0), x.shape(), a) / where(eq(y, 0), one, y)));
}

Cost reduce_cost(Inputs in, Inputs out, const ReduceAttrs&) {
  return {static_cast<double>(in[0].numel()), moved_bytes(in, out)};
}

OpDef reduction(std::string_view name, std::string_view doc, void (*infer)(Infer&, const ReduceAttrs&),
                void (*vjp)(Vjp&, const ReduceAttrs&), Saves saves, OnnxMapping onnx = {}) {
  return define<ReduceAttrs>({.name = name,
                              .doc = doc,
                              .infer = infer,
                              .vjp = vjp,
                              .saves = saves,
                              .cost = reduce_cost,
                              .onnx = onnx});
}
OpDef arg_reduction(std::string_view name, std::string_view doc, OnnxMapping onnx) {
  return define<ArgReduceAttrs>({.name = name,
                                 .doc = doc,
                                 .infer = infer_arg,
                                 .saves = Saves::kNothing,
                                 .cost =
                                     [](Inputs in, Inputs out, const ArgReduceAttrs&) {
                                       return Cost{static_cast<double>(in[0].numel()), moved_bytes(in, out)};
                                     },
                                 .onnx = onnx});
}

Tensor run(const OpDef& op, const Tensor& x, const Dims& dims, bool keepdim) {
  return apply1<ReduceAttrs>(op, {x}, {std::vector<int64_t>(dims.begin(), dims.end()), keepdim});
}

}  // namespace

const OpDef& op::sum() {
  static const OpDef op =
      reduction("sum", "sum over dimensions", infer_sum, vjp_sum, Saves::kNothing, {"ReduceSum", 13});
  return op;
}
const OpDef& op::mean() {
  static const OpDef op = reduction("mean", "mean over dimensions", infer_floating, vjp_mean, Saves::kNothing,
                                    {"ReduceMean", 18});
  return op;
}
const OpDef& op::amax() {
  static const OpDef op = reduction("amax", "largest value over dimensions", infer_extreme, vjp_extreme,
                                    Saves::kBoth, {"ReduceMax", 18});
  return op;
}
const OpDef& op::amin() {
  static const OpDef op = reduction("amin", "smallest value over dimensions", infer_extreme, vjp_extreme,
                                    Saves::kBoth, {"ReduceMin", 18});
  return op;
}
const OpDef& op::any() {
  static const OpDef op = reduction("any", "whether one is nonzero", infer_bool, nullptr, Saves::kNothing);
  return op;
}
const OpDef& op::all() {
  static const OpDef op = reduction("all", "whether all are nonzero", infer_bool, nullptr, Saves::kNothing);
  return op;
}
const OpDef& op::norm() {
  static const OpDef op = reduction("norm", "sqrt of the sum of squares", infer_floating, vjp_norm,
                                    Saves::kBoth, {"ReduceL2", 18});
  return op;
}
const OpDef& op::argmax() {
  static const OpDef op = arg_reduction("argmax", "index of the first largest element", {"ArgMax", 13});
  return op;
}
const OpDef& op::argmin() {
  static const OpDef op = arg_reduction("argmin", "index of the first smallest element", {"ArgMin", 13});
  return op;
}

std::span<const OpDef* const> reduce_ops() {
  static const OpDef* const ops[] = {&op::sum(), &op::mean(), &op::amax(),   &op::amin(),  &op::any(),
                                     &op::all(), &op::norm(), &op::argmax(), &op::argmin()};
  return ops;
}

Tensor sum(const Tensor& x, Dims dims, bool keepdim) { return run(op::sum(), x, dims, keepdim); }
Tensor mean(const Tensor& x, Dims dims, bool keepdim) { return run(op::mean(), x, dims, keepdim); }
Tensor amax(const Tensor& x, Dims dims, bool keepdim) { return run(op::amax(), x, dims, keepdim); }
Tensor amin(const Tensor& x, Dims dims, bool keepdim) { return run(op::amin(), x, dims, keepdim); }
Tensor any(const Tensor& x, Dims dims, bool keepdim) { return run(op::any(), x, dims, keepdim); }
Tensor all(const Tensor& x, Dims dims, bool keepdim) { return run(op::all(), x, dims, keepdim); }
Tensor norm(const Tensor& x, Dims dims, bool keepdim) { return run(op::norm(), x, dims, keepdim); }
Tensor argmax(const Tensor& x, int64_t dim, bool keepdim) {
  return apply1<ArgReduceAttrs>(op::argmax(), {x}, {dim, keepdim});
}
Tensor argmin(const Tensor& x, int64_t dim, bool keepdim) {
  return apply1<ArgReduceAttrs>(op::argmin(), {x}, {dim, keepdim});
}

Tensor prod(const Tensor& x, Dims dims, bool keepdim) {
  // Products of halves: differentiable to any order, also where elements are zero, which a division by x is
  // not.
  const ReduceAttrs attrs{std::vector<int64_t>(dims.begin(), dims.end()), keepdim};
  const ReducedDims reduced = reduced_dims(attrs, x.rank());
  Tensor y = is_floating(x.dtype()) ? x : cast(x, DType::kInt64);
  for (int64_t d = 0; d < x.rank(); ++d) {
    if (!reduced[static_cast<size_t>(d)]) continue;
    if (y.dim(d) == 0) {
      Shape shape = y.shape();
      shape[static_cast<size_t>(d)] = 1;
      y = ones(shape, y.dtype(), y.device());
    }
    while (y.dim(d) > 1) {
      const int64_t half = y.dim(d) / 2;
      Tensor next = narrow(y, d, 0, half) * narrow(y, d, half, half);
      if (y.dim(d) % 2 != 0) next = cat({next, narrow(y, d, 2 * half, 1)}, d);
      y = next;
    }
  }
  return reshape(y, reduced_shape(x.shape(), reduced, keepdim));
}

Tensor var(const Tensor& x, Dims dims, double correction, bool keepdim) {
  const ReduceAttrs attrs{std::vector<int64_t>(dims.begin(), dims.end()), keepdim};
  const Tensor centred = x - mean(x, dims, kKeepDim);
  const double freedom = reduced_count(x.shape(), attrs) - correction;
  const double n = freedom > 0 ? freedom : 0;  // without degrees of freedom: 0 / 0 or x / 0
  return sum(square(centred), dims, keepdim) / n;
}

Tensor logsumexp(const Tensor& x, Dims dims, bool keepdim) {
  const ReduceAttrs attrs{std::vector<int64_t>(dims.begin(), dims.end()), true};
  const ReducedDims reduced = reduced_dims(attrs, x.rank());
  if (reduced_count(x.shape(), attrs) == 0) {
    return full(reduced_shape(x.shape(), reduced, keepdim), -std::numeric_limits<double>::infinity(),
                x.dtype(), x.device());
  }
  // The shift cancels in the result and in its gradient, so it needs no history; an infinite one would give
  // inf - inf.
  const Tensor largest = amax(x.detach(), dims, kKeepDim);
  const Tensor shift = where(isfinite(largest), largest, full({}, 0, x.dtype(), x.device()));
  const Tensor y = log(sum(exp(x - shift), dims, kKeepDim)) + shift;
  return reshape(y, reduced_shape(x.shape(), reduced, keepdim));
}

}  // namespace dlb
