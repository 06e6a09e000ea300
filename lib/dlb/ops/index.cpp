#include "dlb/ops/index.h"

#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/index_defs.h"

namespace dlb {

Fields IndexAttrs::fields() {
  static const Field list[] = {field<&IndexAttrs::dim>("dim", "dimension that is indexed")};
  return list;
}
Fields OneHotAttrs::fields() {
  static const Field list[] = {
      field<&OneHotAttrs::num_classes>("num_classes", "size of the new dimension", at_least(0)),
      field<&OneHotAttrs::dtype>("dtype", "dtype of the result")};
  return list;
}

namespace {

void check_index(Infer& c, int i) {
  const DType dtype = c.input(i).dtype;
  if (dtype != DType::kInt64 && dtype != DType::kInt32) {
    c.fail_dtype("expects an index of dtype int64 or int32, got {}", dtype_name(dtype));
  }
}

/// The dimension, for tensors that have one.
size_t indexed_dim(Infer& c, const IndexAttrs& a) {
  if (c.input(0).rank() == 0) c.fail_shape("expects an input with dimensions, got a 0-d tensor");
  return static_cast<size_t>(c.dim(0, a.dim));
}

/// Of gather and scatter_add: the index has x's rank and reaches no further than x but along dim.
void check_elementwise_index(Infer& c, const IndexAttrs& a) {
  check_index(c, 1);
  const size_t dim = indexed_dim(c, a);
  const Shape& x = c.input(0).shape;
  const Shape& index = c.input(1).shape;
  bool ok = x.size() == index.size();
  for (size_t i = 0; ok && i < x.size(); ++i) ok = i == dim || index[i] <= x[i];
  if (!ok) {
    c.fail_shape("expects an index of input {}'s rank, no larger but along dim {}; got {}", shape_text(x),
                 a.dim, shape_text(index));
  }
}

/// Of index_select and index_add: a list of rows. Returns the shape of the rows taken.
Shape check_row_index(Infer& c, const IndexAttrs& a) {
  check_index(c, 1);
  const size_t dim = indexed_dim(c, a);
  if (c.input(1).rank() != 1) c.fail_shape("expects an index [K], got {}", shape_text(c.input(1).shape));
  Shape rows = c.input(0).shape;
  rows[dim] = c.input(1).shape[0];
  numel(rows);
  return rows;
}

void check_source(Infer& c, const Shape& expected) {
  c.same_dtype(0, 2);
  if (!(c.input(2).shape == expected)) {
    c.fail_shape("expects a source {}, got {}", shape_text(expected), shape_text(c.input(2).shape));
  }
}

void check_addable(Infer& c) {
  if (c.input(0).dtype == DType::kBool) c.fail_dtype("expects a numeric dtype, got bool");
}

template <class A>
Cost copy_cost(Inputs in, Inputs out, const A&) {
  return {0, moved_bytes(in, out)};
}
Cost add_cost(Inputs in, Inputs out, const IndexAttrs&) {
  return {static_cast<double>(in[2].numel()), moved_bytes(in, out)};
}

}  // namespace

const OpDef& op::gather() {
  static const OpDef op =
      define<IndexAttrs>({.name = "gather",
                          .doc = "elements picked along a dimension",
                          .infer =
                              [](Infer& c, const IndexAttrs& a) {
                                check_elementwise_index(c, a);
                                c.output(c.input(1).shape, c.input(0).dtype);
                              },
                          .vjp =
                              [](Vjp& c, const IndexAttrs& a) {
                                const Tensor& x = c.input(0);
                                c.input_grad(0, dlb::scatter_add(zeros(x.shape(), x.dtype(), x.device()),
                                                                 a.dim, c.input(1), c.grad(0)));
                              },
                          .cost = copy_cost<IndexAttrs>,
                          .onnx = {"GatherElements", 13}});
  return op;
}
const OpDef& op::scatter_add() {
  static const OpDef op =
      define<IndexAttrs>({.name = "scatter_add",
                          .doc = "x with elements added at an index",
                          .infer =
                              [](Infer& c, const IndexAttrs& a) {
                                check_elementwise_index(c, a);
                                check_addable(c);
                                check_source(c, c.input(1).shape);
                                c.output(c.input(0).shape, c.input(0).dtype);
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
const OpDef& op::index_select() {
  static const OpDef op = define<IndexAttrs>(
      {.name = "index_select",
       .doc = "rows picked along a dimension",
       .infer = [](Infer& c, const IndexAttrs& a) { c.output(check_row_index(c, a), c.input(0).dtype); },
       .vjp =
           [](Vjp& c, const IndexAttrs& a) {
             const Tensor& x = c.input(0);
             c.input_grad(
                 0, dlb::index_add(zeros(x.shape(), x.dtype(), x.device()), a.dim, c.input(1), c.grad(0)));
           },
       .cost = copy_cost<IndexAttrs>,
       .onnx = {"Gather", 13}});
  return op;
}
const OpDef& op::index_add() {
  static const OpDef op =
      define<IndexAttrs>({.name = "index_add",
                          .doc = "x with rows added at an index",
                          .infer =
                              [](Infer& c, const IndexAttrs& a) {
                                check_addable(c);
                                check_source(c, check_row_index(c, a));
                                c.output(c.input(0).shape, c.input(0).dtype);
                              },
                          .vjp =
                              [](Vjp& c, const IndexAttrs& a) {
                                if (c.needs(0)) c.input_grad(0, c.grad(0));
                                if (c.needs(2))
                                  c.input_grad(2, dlb::index_select(c.grad(0), a.dim, c.input(1)));
                              },
                          .cost = add_cost});
  return op;
}
const OpDef& op::one_hot() {
  static const OpDef op =
      define<OneHotAttrs>({.name = "one_hot",
                           .doc = "1 at the index, 0 elsewhere",
                           .infer =
                               [](Infer& c, const OneHotAttrs& a) {
                                 check_index(c, 0);
                                 if (a.num_classes < 0)
                                   c.fail_shape("expects a number of classes, got {}", a.num_classes);
                                 Shape shape = c.input(0).shape;
                                 shape.push_back(a.num_classes);
                                 c.output(shape, dtype_from_name(a.dtype));
                               },
                           .saves = Saves::kNothing,
                           .cost = copy_cost<OneHotAttrs>,
                           .onnx = {"OneHot", 11}});
  return op;
}

std::span<const OpDef* const> index_ops() {
  static const OpDef* const ops[] = {&op::gather(), &op::scatter_add(), &op::index_select(), &op::index_add(),
                                     &op::one_hot()};
  return ops;
}

Tensor gather(const Tensor& x, int64_t dim, const Tensor& index) {
  return apply1<IndexAttrs>(op::gather(), {x, index}, {dim});
}
Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src) {
  return apply1<IndexAttrs>(op::scatter_add(), {x, index, src}, {dim});
}
Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index) {
  return apply1<IndexAttrs>(op::index_select(), {x, index}, {dim});
}
Tensor index_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src) {
  return apply1<IndexAttrs>(op::index_add(), {x, index, src}, {dim});
}
Tensor one_hot(const Tensor& index, int64_t classes, DType dtype) {
  return apply1<OneHotAttrs>(op::one_hot(), {index}, {classes, std::string(dtype_name(dtype))});
}

}  // namespace dlb
