#include "dlb/ops/reduce.h"

#include <limits>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/index.h"
#include "dlb/ops/reduce_defs.h"
#include "dlb/ops/require.h"
#include "dlb/ops/scan.h"
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

namespace {

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
void infer_bool(Infer& c, const ReduceAttrs& a) {
  reduce_output(c, a, c.input(0).dtype == DType::kUInt8 ? DType::kUInt8 : DType::kBool);
}
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
/// Products of all other elements along the last dimension: of those before times those after.
Tensor products_of_others(const Tensor& x) {
  const int64_t n = x.dim(-1);
  if (n < 2) return ones(x.shape(), x.dtype(), x.device());
  Shape edge = x.shape();
  edge.back() = 1;
  const Tensor one = ones(edge, x.dtype(), x.device());
  const Tensor before = cumprod(cat({one, narrow(x, -1, 0, n - 1)}, -1), -1);
  const Tensor after = cumprod(cat({narrow(x, -1, 1, n - 1), one}, -1), -1, kReverse);
  return before * after;
}
void vjp_prod(Vjp& c, const ReduceAttrs& a) {
  const Tensor& x = c.input(0);
  if (x.rank() == 0) return c.input_grad(0, c.grad(0));
  const ReducedDims reduced = reduced_dims(a, x.rank());
  Dims order;
  Dims back(static_cast<size_t>(x.rank()), 0);
  Shape lines;
  int64_t n = 1;
  for (const bool last : {false, true}) {
    for (size_t d = 0; d < reduced.size(); ++d) {
      if (reduced[d] != last) continue;
      back[d] = static_cast<int64_t>(order.size());
      order.push_back(static_cast<int64_t>(d));
      if (last) n *= x.shape()[d];
      if (!last) lines.push_back(x.shape()[d]);
    }
  }
  lines.push_back(n);
  const Tensor moved = permute(x, order);
  const Tensor others = reshape(products_of_others(reshape(moved, lines)), moved.shape());
  c.input_grad(0, permute(others, back) * with_dims(c.grad(0), x.shape(), a));
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

void infer_shared_value(Infer& c, const NoAttrs&) {
  c.same_dtype(0, 1);
  c.rank(1, 0);
  c.output({}, c.input(0).dtype);
}
void vjp_shared_value(Vjp& c, const NoAttrs&) {
  if (!c.needs(0)) return;
  const Tensor x = c.input(0).detach();
  const Tensor value = c.input(1).detach();
  const Tensor ties = logical_or(eq(x, value), logical_and(isnan(x), isnan(value)));
  const Tensor share = c.grad(0) / cast(sum(ties), x.dtype());
  c.input_grad(0, where(ties, share, full({}, 0, x.dtype(), x.device())));
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
const OpDef& op::prod() {
  static const OpDef op =
      reduction("prod", "product over dimensions", infer_sum, vjp_prod, Saves::kInputs, {"ReduceProd", 18});
  return op;
}
const OpDef& op::shared_value() {
  static const OpDef op = define({.name = "shared_value",
                                  .doc = "an element's value, whose gradient all elements equal to it share",
                                  .infer = infer_shared_value,
                                  .vjp = vjp_shared_value,
                                  .saves = Saves::kInputs,
                                  .cost = [](Inputs in, Inputs out, const NoAttrs&) {
                                    return Cost{0, moved_bytes(in, out)};
                                  }});
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
  static const OpDef* const ops[] = {&op::sum(),    &op::mean(),   &op::prod(),        &op::amax(),
                                     &op::amin(),   &op::any(),    &op::all(),         &op::norm(),
                                     &op::argmax(), &op::argmin(), &op::shared_value()};
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

Tensor prod(const Tensor& x, Dims dims, bool keepdim) { return run(op::prod(), x, dims, keepdim); }

Tensor nansum(const Tensor& x, Dims dims, bool keepdim) {
  if (!is_floating(x.dtype())) return sum(x, dims, keepdim);
  return sum(where(isnan(x), full({}, 0, x.dtype(), x.device()), x), dims, keepdim);
}
Tensor nanmean(const Tensor& x, Dims dims, bool keepdim) {
  require_floating(x, "nanmean");
  return nansum(x, dims, keepdim) / sum(logical_not(isnan(x)), dims, keepdim);
}
Tensor count_nonzero(const Tensor& x, Dims dims, bool keepdim) { return sum(ne(x, 0), dims, keepdim); }

Tensor argmax(const Tensor& x) { return argmax(flatten(x), 0); }
Tensor argmin(const Tensor& x) { return argmin(flatten(x), 0); }

std::pair<Tensor, Tensor> aminmax(const Tensor& x, Dims dims, bool keepdim) {
  return {amin(x, dims, keepdim), amax(x, dims, keepdim)};
}

Tensor shared_value(const Tensor& x, const Tensor& value) {
  return apply1(op::shared_value(), {x, value.detach()});
}
Tensor max(const Tensor& x) { return shared_value(x, amax(x.detach())); }
Tensor min(const Tensor& x) { return shared_value(x, amin(x.detach())); }

namespace {

std::pair<Tensor, Tensor> pick(const Tensor& x, int64_t dim, bool keepdim, const Tensor& index) {
  if (x.rank() == 0) return {reshape(x, {}), index};
  const Tensor values = gather(x, dim, index);
  if (keepdim) return {values, index};
  return {squeeze(values, dim), squeeze(index, dim)};
}

}  // namespace

std::pair<Tensor, Tensor> max(const Tensor& x, int64_t dim, bool keepdim) {
  return pick(x, dim, keepdim, argmax(x.detach(), dim, kKeepDim));
}
std::pair<Tensor, Tensor> min(const Tensor& x, int64_t dim, bool keepdim) {
  return pick(x, dim, keepdim, argmin(x.detach(), dim, kKeepDim));
}

Tensor logsumexp(const Tensor& input, Dims dims, bool keepdim) {
  const Tensor x = is_floating(input.dtype()) ? input : cast(input, DType::kFloat32);
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
