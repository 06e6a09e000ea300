#include "dlb/ops/scatter.h"

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/index_defs.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb {

namespace detail {

void check_index_dtype(const Infer& c, int i) {
  const TensorSpec& index = c.input(i);
  if (index.dtype != DType::kInt64 && index.dtype != DType::kInt32 && index.numel() > 0) {
    c.fail_dtype("expects an index of dtype int64 or int32, got {}", dtype_name(index.dtype));
  }
}

size_t indexed_dim(const Infer& c, int64_t dim) { return static_cast<size_t>(c.dim(0, dim)); }

void check_elementwise_index(const Infer& c, int64_t dim) {
  check_index_dtype(c, 1);
  const size_t along = indexed_dim(c, dim);
  if (c.input(1).numel() == 0) return;
  const Shape x = c.input(0).shape.empty() ? Shape{1} : c.input(0).shape;
  const Shape index = c.input(1).shape.empty() ? Shape{1} : c.input(1).shape;
  bool ok = x.size() == index.size();
  for (size_t i = 0; ok && i < x.size(); ++i) ok = i == along || index[i] <= x[i];
  if (!ok) {
    c.fail_shape("expects an index of input {}'s rank, no larger but along dim {}; got {}",
                 shape_text(c.input(0).shape), dim, shape_text(c.input(1).shape));
  }
}

}  // namespace detail

namespace {

void check_source(Infer& c, const Shape& expected) {
  c.same_dtype(0, 2);
  if (!(c.input(2).shape == expected)) {
    c.fail_shape("expects a source {}, got {}", shape_text(expected), shape_text(c.input(2).shape));
  }
}

void check_addable(Infer& c) {
  if (c.input(0).dtype == DType::kBool) c.fail_dtype("expects a numeric dtype, got bool");
}

void infer_scatter(Infer& c, const IndexAttrs& a) {
  detail::check_elementwise_index(c, a.dim);
  check_source(c, c.input(1).shape);
  c.output(c.input(0).shape, c.input(0).dtype);
}

/// Of index_add and index_copy: rows of x along a dimension.
void infer_rows(Infer& c, const IndexAttrs& a) {
  detail::check_index_dtype(c, 1);
  const size_t dim = detail::indexed_dim(c, a.dim);
  const TensorSpec& index = c.input(1);
  if (index.rank() > 1) c.fail_shape("expects an index [K], got {}", shape_text(index.shape));
  Shape rows = c.input(0).shape.empty() ? Shape{1} : c.input(0).shape;
  rows[dim] = index.numel();
  // 0-d tensors and vectors of one element stand for each other.
  const Shape source = c.input(2).shape.empty() ? Shape{1} : c.input(2).shape;
  check_source(c, rows == source ? c.input(2).shape : rows);
  c.output(c.input(0).shape, c.input(0).dtype);
}

template <class A>
Cost write_cost(Inputs in, Inputs out, const A&) {
  return {0, moved_bytes(in, out)};
}
Cost add_cost(Inputs in, Inputs out, const IndexAttrs&) {
  return {static_cast<double>(in[2].numel()), moved_bytes(in, out)};
}

/// A constant of x's type where x lives.
Tensor nought(const Tensor& x) { return zeros({}, x.dtype(), x.device()); }

/// The part of src that an index of that shape refers to.
Tensor cropped(const Tensor& src, const Tensor& index, const char* what) {
  if (index.numel() == 0) return zeros(index.shape(), src.dtype(), src.device());
  bool ok = src.rank() == index.rank();
  if (!ok && src.numel() == 1 && index.numel() == 1) return reshape(src, index.shape());
  Tensor part = src;
  for (int d = 0; ok && d < src.rank(); ++d) {
    ok = index.dim(d) <= src.dim(d);
    if (ok && index.dim(d) < src.dim(d)) part = slice(part, d, 0, index.dim(d));
  }
  if (!ok) {
    fail(ErrorKind::kShape, "{} expects an index of the source {}'s rank, no larger; got {}", what,
         shape_text(src.shape()), shape_text(index.shape()));
  }
  return part;
}

}  // namespace

const OpDef& op::scatter() {
  static const OpDef op = define<IndexAttrs>(
      {.name = "scatter",
       .doc = "x with elements written at an index",
       .infer = infer_scatter,
       .vjp =
           [](Vjp& c, const IndexAttrs& a) {
             const Tensor& g = c.grad(0);
             const Tensor& index = c.input(1);
             if (c.needs(0)) {
               c.input_grad(0, dlb::scatter(g, a.dim, index, expand(nought(g), index.shape())));
             }
             if (c.needs(2)) c.input_grad(2, dlb::gather(g, a.dim, index));
           },
       .cost = write_cost<IndexAttrs>,
       .onnx = {"ScatterElements", 18}});
  return op;
}
const OpDef& op::scatter_add() {
  static const OpDef op =
      define<IndexAttrs>({.name = "scatter_add",
                          .doc = "x with elements added at an index",
                          .infer =
                              [](Infer& c, const IndexAttrs& a) {
                                check_addable(c);
                                infer_scatter(c, a);
                              },
                          .vjp =
                              [](Vjp& c, const IndexAttrs& a) {
                                if (c.needs(0)) c.input_grad(0, c.grad(0));
                                if (c.needs(2)) c.input_grad(2, dlb::gather(c.grad(0), a.dim, c.input(1)));
                              },
                          .cost = add_cost,
                          .onnx = {"ScatterElements", 18}});
  return op;
}
const OpDef& op::index_add() {
  static const OpDef op = define<IndexAttrs>({.name = "index_add",
                                              .doc = "x with rows added at an index",
                                              .infer =
                                                  [](Infer& c, const IndexAttrs& a) {
                                                    check_addable(c);
                                                    infer_rows(c, a);
                                                  },
                                              .vjp =
                                                  [](Vjp& c, const IndexAttrs& a) {
                                                    if (c.needs(0)) c.input_grad(0, c.grad(0));
                                                    if (c.needs(2)) {
                                                      const Tensor rows =
                                                          dlb::index_select(c.grad(0), a.dim, c.input(1));
                                                      c.input_grad(2, reshape(rows, c.input(2).shape()));
                                                    }
                                                  },
                                              .cost = add_cost});
  return op;
}
const OpDef& op::index_copy() {
  static const OpDef op = define<IndexAttrs>(
      {.name = "index_copy",
       .doc = "x with rows written at an index",
       .infer = infer_rows,
       .vjp =
           [](Vjp& c, const IndexAttrs& a) {
             const Tensor& g = c.grad(0);
             if (c.needs(0)) {
               c.input_grad(0, dlb::index_copy(g, a.dim, c.input(1), expand(nought(g), c.input(2).shape())));
             }
             if (c.needs(2)) {
               c.input_grad(2, reshape(dlb::index_select(g, a.dim, c.input(1)), c.input(2).shape()));
             }
           },
       .cost = write_cost<IndexAttrs>});
  return op;
}

Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src) {
  return apply1<IndexAttrs>(op::scatter(), {x, index, cropped(src, index, "scatter")}, {dim});
}
Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src) {
  return apply1<IndexAttrs>(op::scatter_add(), {x, index, cropped(src, index, "scatter_add")}, {dim});
}
Tensor index_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src, double alpha) {
  return apply1<IndexAttrs>(op::index_add(), {x, index, alpha == 1 ? src : affine(src, alpha, 0)}, {dim});
}
Tensor index_copy(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src) {
  return apply1<IndexAttrs>(op::index_copy(), {x, index, src}, {dim});
}
Tensor index_fill(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& value) {
  if (value.rank() != 0) {
    fail(ErrorKind::kShape, "index_fill expects a number or a 0-d tensor, got {}", shape_text(value.shape()));
  }
  const auto at = static_cast<size_t>(normalize_dim(dim, x.rank()));
  const int64_t size = x.rank() == 0 ? 1 : x.shape()[at];
  const Tensor places = flat_index({index}, {size});
  // By a mask, so that the value's gradient counts an element once that the index names twice.
  const Tensor marked = index_copy(zeros({size}, DType::kBool, x.device()), 0, places,
                                   ones({places.numel()}, DType::kBool, x.device()));
  Shape along(x.shape().size(), 1);
  if (x.rank() > 0) along[at] = size;
  return where(reshape(marked, along), cast(value, x.dtype()), x);
}

}  // namespace dlb
