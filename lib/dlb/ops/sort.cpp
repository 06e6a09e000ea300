#include "dlb/ops/sort.h"

#include <cmath>
#include <limits>

#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/index.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/sort_defs.h"

namespace dlb {

Fields SortAttrs::fields() {
  static const Field list[] = {field<&SortAttrs::dim>("dim", "dimension along which to sort"),
                               field<&SortAttrs::descending>("descending", "from large to small")};
  return list;
}
Fields TopkAttrs::fields() {
  static const Field list[] = {field<&TopkAttrs::k>("k", "how many", at_least(0)),
                               field<&TopkAttrs::dim>("dim", "dimension to search"),
                               field<&TopkAttrs::largest>("largest", "the largest, not the smallest")};
  return list;
}
Fields KthValueAttrs::fields() {
  static const Field list[] = {field<&KthValueAttrs::k>("k", "rank, 1 for the smallest", at_least(1)),
                               field<&KthValueAttrs::dim>("dim", "dimension to search"),
                               field<&KthValueAttrs::keepdim>("keepdim", "keep it with size 1")};
  return list;
}
Fields MedianAttrs::fields() {
  static const Field list[] = {field<&MedianAttrs::dim>("dim", "dimension to search"),
                               field<&MedianAttrs::keepdim>("keepdim", "keep it with size 1"),
                               field<&MedianAttrs::ignore_nan>("ignore_nan", "of what is not NaN")};
  return list;
}
Fields ModeAttrs::fields() {
  static const Field list[] = {field<&ModeAttrs::dim>("dim", "dimension to search"),
                               field<&ModeAttrs::keepdim>("keepdim", "keep it with size 1")};
  return list;
}

namespace {

void values_and_indices(Infer& c, const Shape& shape) {
  c.output(shape, c.input(0).dtype);
  c.output(shape, DType::kInt64);
}

/// Outputs of an operator that picks one element of each line.
void infer_pick(Infer& c, int64_t dim, bool keepdim) {
  Shape shape = c.input(0).shape;
  const auto at = static_cast<size_t>(c.dim(0, dim));
  if (!shape.empty()) {
    if (shape[at] == 0) c.fail_shape("of nothing along dim {}: {}", dim, shape_text(shape));
    if (keepdim) {
      shape[at] = 1;
    } else {
      shape.erase(at);
    }
  }
  values_and_indices(c, shape);
}

/// Elements along dim; a 0-d tensor has one.
int64_t line_size(const TensorSpec& x, int64_t dim) { return x.rank() == 0 ? 1 : x.dim(dim); }

void infer_sort(Infer& c, const SortAttrs& a) {
  c.dim(0, a.dim);
  values_and_indices(c, c.input(0).shape);
}
void infer_topk(Infer& c, const TopkAttrs& a) {
  const auto at = static_cast<size_t>(c.dim(0, a.dim));
  const int64_t n = line_size(c.input(0), a.dim);
  if (a.k < 0 || a.k > n) c.fail_shape("expects k of at most {} along dim {}, got {}", n, a.dim, a.k);
  Shape shape = c.input(0).shape;
  if (!shape.empty()) shape[at] = a.k;
  values_and_indices(c, shape);
}
void infer_kthvalue(Infer& c, const KthValueAttrs& a) {
  infer_pick(c, a.dim, a.keepdim);
  const int64_t n = line_size(c.input(0), a.dim);
  if (a.k < 1 || a.k > n) c.fail_shape("expects k from 1 to {} along dim {}, got {}", n, a.dim, a.k);
}
void infer_median(Infer& c, const MedianAttrs& a) { infer_pick(c, a.dim, a.keepdim); }
void infer_mode(Infer& c, const ModeAttrs& a) { infer_pick(c, a.dim, a.keepdim); }

/// The gradient goes back to where the values came from.
void scatter_back(Vjp& c, int64_t dim, bool keeps_dim) {
  const Tensor& x = c.input(0);
  Tensor g = c.grad(0);
  Tensor index = c.output(1);
  if (x.rank() == 0) return c.input_grad(0, g);
  if (!keeps_dim) {
    const int64_t d = normalize_dim(dim, x.rank());
    g = unsqueeze(g, d);
    index = unsqueeze(index, d);
  }
  c.input_grad(0, scatter_add(zeros(x.shape(), g.dtype(), g.device()), dim, index, g));
}

template <class A>
Cost search_cost(Inputs in, Inputs out, const A&) {
  return {static_cast<double>(in[0].numel()), moved_bytes(in, out)};
}
Cost sort_cost(Inputs in, Inputs out, const SortAttrs& a) {
  const double n = static_cast<double>(in[0].numel());
  const auto line = static_cast<double>(line_size(in[0].spec(), a.dim));
  return {n * std::log2(line < 2 ? 2 : line), moved_bytes(in, out)};
}

template <class A>
std::pair<Tensor, Tensor> run(const OpDef& op, const Tensor& x, const A& attrs) {
  const Outputs out = apply(op, {x}, attrs);
  return {out[0], out[1]};
}

Tensor median_of_all(const Tensor& x, bool ignore_nan) {
  if (x.numel() == 0) {
    if (!is_floating(x.dtype())) {
      fail(ErrorKind::kShape, "median of nothing: {}", spec_text(x.spec()));
    }
    return full({}, std::numeric_limits<double>::quiet_NaN(), x.dtype(), x.device());
  }
  return shared_value(x, run(op::median(), flatten(x.detach()), MedianAttrs{0, false, ignore_nan}).first);
}

}  // namespace

const OpDef& op::sort() {
  static const OpDef op =
      define<SortAttrs>({.name = "sort",
                         .doc = "values in order and where they were",
                         .infer = infer_sort,
                         .vjp = [](Vjp& c, const SortAttrs& a) { scatter_back(c, a.dim, true); },
                         .saves = Saves::kOutputs,
                         .cost = sort_cost});
  return op;
}
const OpDef& op::topk() {
  static const OpDef op =
      define<TopkAttrs>({.name = "topk",
                         .doc = "the k largest or smallest values in order and where they were",
                         .infer = infer_topk,
                         .vjp = [](Vjp& c, const TopkAttrs& a) { scatter_back(c, a.dim, true); },
                         .saves = Saves::kOutputs,
                         .cost = search_cost<TopkAttrs>,
                         .onnx = {"TopK", 11}});
  return op;
}
const OpDef& op::kthvalue() {
  static const OpDef op =
      define<KthValueAttrs>({.name = "kthvalue",
                             .doc = "the k-th smallest value and its index",
                             .infer = infer_kthvalue,
                             .vjp = [](Vjp& c, const KthValueAttrs& a) { scatter_back(c, a.dim, a.keepdim); },
                             .saves = Saves::kOutputs,
                             .cost = search_cost<KthValueAttrs>});
  return op;
}
const OpDef& op::median() {
  static const OpDef op =
      define<MedianAttrs>({.name = "median",
                           .doc = "the middle value and its index",
                           .infer = infer_median,
                           .vjp = [](Vjp& c, const MedianAttrs& a) { scatter_back(c, a.dim, a.keepdim); },
                           .saves = Saves::kOutputs,
                           .cost = search_cost<MedianAttrs>});
  return op;
}
const OpDef& op::mode() {
  static const OpDef op =
      define<ModeAttrs>({.name = "mode",
                         .doc = "the most frequent value and its index",
                         .infer = infer_mode,
                         .vjp = [](Vjp& c, const ModeAttrs& a) { scatter_back(c, a.dim, a.keepdim); },
                         .saves = Saves::kOutputs,
                         .cost = search_cost<ModeAttrs>});
  return op;
}

std::span<const OpDef* const> sort_ops() {
  static const OpDef* const ops[] = {&op::sort(), &op::topk(), &op::kthvalue(), &op::median(), &op::mode()};
  return ops;
}

std::pair<Tensor, Tensor> sort(const Tensor& x, int64_t dim, bool descending) {
  return run(op::sort(), x, SortAttrs{dim, descending});
}
Tensor argsort(const Tensor& x, int64_t dim, bool descending) {
  return sort(x.detach(), dim, descending).second;
}
Tensor msort(const Tensor& x) { return sort(x, 0).first; }
std::pair<Tensor, Tensor> topk(const Tensor& x, int64_t k, int64_t dim, bool largest) {
  return run(op::topk(), x, TopkAttrs{k, dim, largest});
}
std::pair<Tensor, Tensor> kthvalue(const Tensor& x, int64_t k, int64_t dim, bool keepdim) {
  return run(op::kthvalue(), x, KthValueAttrs{k, dim, keepdim});
}
Tensor median(const Tensor& x) { return median_of_all(x, false); }
std::pair<Tensor, Tensor> median(const Tensor& x, int64_t dim, bool keepdim) {
  return run(op::median(), x, MedianAttrs{dim, keepdim, false});
}
Tensor nanmedian(const Tensor& x) { return median_of_all(x, true); }
std::pair<Tensor, Tensor> nanmedian(const Tensor& x, int64_t dim, bool keepdim) {
  return run(op::median(), x, MedianAttrs{dim, keepdim, true});
}
std::pair<Tensor, Tensor> mode(const Tensor& x, int64_t dim, bool keepdim) {
  return run(op::mode(), x, ModeAttrs{dim, keepdim});
}

}  // namespace dlb
