#include "dlb/ops/index.h"

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/index_defs.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/view.h"

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
Fields FlatIndexAttrs::fields() {
  static const Field list[] = {
      field<&FlatIndexAttrs::sizes>("sizes", "sizes of the indexed dimensions", non_negative())};
  return list;
}

namespace {

template <class A>
Cost copy_cost(Inputs in, Inputs out, const A&) {
  return {0, moved_bytes(in, out)};
}

void infer_gather(Infer& c, const IndexAttrs& a) {
  detail::check_elementwise_index(c, a.dim);
  c.output(c.input(1).shape, c.input(0).dtype);
}

/// Zeros that take no memory.
Tensor zeros_of(const Tensor& x) { return expand(zeros({}, x.dtype(), x.device()), x.shape()); }

void vjp_gather(Vjp& c, const IndexAttrs& a) {
  const Tensor& x = c.input(0);
  c.input_grad(0, dlb::scatter_add(zeros_of(x), a.dim, c.input(1), c.grad(0)));
}

void infer_index_select(Infer& c, const IndexAttrs& a) {
  detail::check_index_dtype(c, 1);
  const size_t dim = detail::indexed_dim(c, a.dim);
  const TensorSpec& index = c.input(1);
  Shape rows = c.input(0).shape;
  if (index.rank() > 1 || (rows.empty() && index.numel() != 1)) {
    c.fail_shape("expects an index [K], one element for a 0-d input; got {}", shape_text(index.shape));
  }
  if (!rows.empty()) rows[dim] = index.numel();
  numel(rows);
  c.output(std::move(rows), c.input(0).dtype);
}

void vjp_index_select(Vjp& c, const IndexAttrs& a) {
  const Tensor& x = c.input(0);
  c.input_grad(0, dlb::index_add(zeros_of(x), a.dim, c.input(1), c.grad(0)));
}

void infer_one_hot(Infer& c, const OneHotAttrs& a) {
  detail::check_index_dtype(c, 0);
  if (a.num_classes < 0) c.fail_shape("expects a number of classes, got {}", a.num_classes);
  Shape shape = c.input(0).shape;
  shape.push_back(a.num_classes);
  c.output(shape, dtype_from_name(a.dtype));
}

void infer_flat_index(Infer& c, const FlatIndexAttrs& a) {
  if (a.sizes.empty() || a.sizes.size() != static_cast<size_t>(c.inputs())) {
    c.fail_shape("expects an index for each size of {}, got {}", shape_text(a.sizes), c.inputs());
  }
  numel(a.sizes);
  for (int i = 0; i < c.inputs(); ++i) {
    detail::check_index_dtype(c, i);
    if (!(c.input(i).shape == c.input(0).shape)) {
      c.fail_shape("expects indices of one shape, got {} and {}", shape_text(c.input(0).shape),
                   shape_text(c.input(i).shape));
    }
  }
  c.output(c.input(0).shape, DType::kInt64);
}

}  // namespace

const OpDef& op::gather() {
  static const OpDef op = define<IndexAttrs>({.name = "gather",
                                              .doc = "elements picked along a dimension",
                                              .infer = infer_gather,
                                              .vjp = vjp_gather,
                                              .cost = copy_cost<IndexAttrs>,
                                              .onnx = {"GatherElements", 13}});
  return op;
}
const OpDef& op::index_select() {
  static const OpDef op = define<IndexAttrs>({.name = "index_select",
                                              .doc = "rows picked along a dimension",
                                              .infer = infer_index_select,
                                              .vjp = vjp_index_select,
                                              .cost = copy_cost<IndexAttrs>,
                                              .onnx = {"Gather", 13}});
  return op;
}
const OpDef& op::one_hot() {
  static const OpDef op = define<OneHotAttrs>({.name = "one_hot",
                                               .doc = "1 at the index, 0 elsewhere",
                                               .infer = infer_one_hot,
                                               .saves = Saves::kNothing,
                                               .cost = copy_cost<OneHotAttrs>,
                                               .onnx = {"OneHot", 11}});
  return op;
}
const OpDef& op::flat_index() {
  static const OpDef op = define<FlatIndexAttrs>({.name = "flat_index",
                                                  .doc = "row-major position of an index for each dimension",
                                                  .infer = infer_flat_index,
                                                  .saves = Saves::kNothing,
                                                  .cost = copy_cost<FlatIndexAttrs>});
  return op;
}

std::span<const OpDef* const> index_ops() {
  static const OpDef* const ops[] = {
      &op::gather(),     &op::scatter(),    &op::scatter_add(), &op::index_select(), &op::index_add(),
      &op::index_copy(), &op::flat_index(), &op::one_hot(),     &op::nonzero(),      &op::mask_rank(),
      &op::embedding(),  &op::bag_of(),     &op::bag_max()};
  return ops;
}

Tensor gather(const Tensor& x, int64_t dim, const Tensor& index) {
  return apply1<IndexAttrs>(op::gather(), {x, index}, {dim});
}

Tensor take_along_dim(const Tensor& x, const Tensor& index, std::optional<int64_t> dim) {
  if (!dim) return gather(reshape(x, {x.numel()}), 0, reshape(index, {index.numel()}));
  if (x.rank() != index.rank()) {
    fail(ErrorKind::kShape, "take_along_dim expects an index of the input's rank, got {} and {}",
         shape_text(x.shape()), shape_text(index.shape()));
  }
  if (x.rank() == 0) return gather(x, *dim, index);
  // Negative positions count from the end here, unlike in gather.
  const auto at = static_cast<size_t>(normalize_dim(*dim, x.rank()));
  Shape of_index = x.shape();
  of_index[at] = 1;
  of_index = broadcast_shapes(of_index, index.shape());
  Shape of_x = of_index;
  of_index[at] = index.shape()[at];
  of_x[at] = x.shape()[at];
  const Tensor wrapped = where(lt(index, 0), add(index, static_cast<double>(x.shape()[at])), index);
  return gather(expand(x, of_x), *dim, expand(wrapped, of_index));
}

Tensor take(const Tensor& x, const Tensor& index) {
  const Tensor flat = flat_index({index}, {x.numel()});
  return reshape(index_select(reshape(x, {x.numel()}), 0, reshape(flat, {flat.numel()})), index.shape());
}

Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index) {
  return apply1<IndexAttrs>(op::index_select(), {x, index}, {dim});
}

Tensor one_hot(const Tensor& index, int64_t classes, DType dtype) {
  if (classes == -1) {
    if (index.is_meta() || index.numel() == 0) {
      fail(ErrorKind::kUnsupported,
           "one_hot needs the number of classes where there is no index to see it from");
    }
    classes = static_cast<int64_t>(amax(index).item()) + 1;
  }
  return apply1<OneHotAttrs>(op::one_hot(), {index}, {classes, std::string(dtype_name(dtype))});
}

Tensor flat_index(const std::vector<Tensor>& indices, const Shape& sizes) {
  const FlatIndexAttrs attrs{{sizes.begin(), sizes.end()}};
  return std::move(apply(op::flat_index(), Inputs(indices), static_cast<const void*>(&attrs))[0]);
}

}  // namespace dlb
