#include "dlb/ops/view.h"

#include <algorithm>
#include <limits>

#include "dlb/ops/arrange.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/join.h"
#include "dlb/ops/shape_defs.h"

namespace dlb {

namespace {

template <class A>
Cost view_cost(Inputs, Inputs, const A&) {
  return {};
}

void infer_reshape(Infer& c, const ReshapeAttrs& a) {
  const TensorSpec& x = c.input(0);
  Shape shape = dims_of(a.shape);
  int64_t* unknown = nullptr;
  int64_t known = 1;
  bool ok = true;
  for (int64_t& size : shape) {
    if (size == -1 && unknown == nullptr) {
      unknown = &size;
    } else if (size < 0 || __builtin_mul_overflow(known, size, &known)) {
      ok = false;
    }
  }
  const int64_t n = x.numel();
  if (ok && unknown != nullptr) {
    ok = known > 0 && n % known == 0;
    if (ok) *unknown = n / known;
  } else if (ok) {
    ok = known == n;
  }
  if (!ok) c.fail_shape("cannot view {} as {}", shape_text(x.shape), shape_text(a.shape));
  Strides strides;
  if (view_strides(x.shape, x.strides, shape, strides)) {
    c.view(std::move(shape), std::move(strides), c.input_offset(0));
  } else {
    c.output(std::move(shape), x.dtype);
  }
}

void infer_permute(Infer& c, const PermuteAttrs& a) {
  const TensorSpec& x = c.input(0);
  InlineVector<bool, 8> seen(x.shape.size(), false);
  Shape shape;
  Strides strides;
  if (a.dims.size() != x.shape.size()) {
    c.fail_shape("expects {} dims for input {}, got {}", x.rank(), shape_text(x.shape), shape_text(a.dims));
  }
  for (const int64_t d : a.dims) {
    const auto from = static_cast<size_t>(c.dim(0, d));
    if (seen[from]) c.fail_shape("repeats dim {} in {}", d, shape_text(a.dims));
    seen[from] = true;
    shape.push_back(x.shape[from]);
    strides.push_back(x.strides[from]);
  }
  c.view(std::move(shape), std::move(strides), c.input_offset(0));
}

void infer_expand(Infer& c, const ExpandAttrs& a) {
  const TensorSpec& x = c.input(0);
  Shape shape = dims_of(a.size);
  bool ok = shape.size() >= x.shape.size();
  Strides strides(shape.size(), 0);
  for (size_t i = 0; ok && i < shape.size(); ++i) {
    const size_t extra = shape.size() - x.shape.size();
    if (i < extra) {
      ok = shape[i] >= 0;
      continue;
    }
    const int64_t size = x.shape[i - extra];
    if (shape[i] == -1) shape[i] = size;
    ok = shape[i] == size || (size == 1 && shape[i] >= 0);
    if (shape[i] == size) strides[i] = x.strides[i - extra];
  }
  if (!ok) c.fail_shape("cannot expand {} to {}", shape_text(x.shape), shape_text(a.size));
  numel(shape);
  c.view(std::move(shape), std::move(strides), c.input_offset(0));
}

void infer_slice(Infer& c, const SliceAttrs& a) {
  const TensorSpec& x = c.input(0);
  if (x.rank() == 0) c.fail_shape("expects an input with dimensions, got a 0-d tensor");
  const auto dim = static_cast<size_t>(c.dim(0, a.dim));
  const int64_t size = x.shape[dim];
  if (a.step < 1) c.fail_shape("expects a step of at least 1, got {}", a.step);
  const auto clip = [&](int64_t i) { return std::clamp<int64_t>(i < 0 ? i + size : i, 0, size); };
  const int64_t start = clip(a.start);
  const int64_t length = std::max<int64_t>(clip(a.end) - start, 0);
  Shape shape = x.shape;
  Strides strides = x.strides;
  int64_t offset = c.input_offset(0);
  shape[dim] = length / a.step + (length % a.step != 0 ? 1 : 0);
  if (shape[dim] > 0) offset += start * strides[dim];
  if (shape[dim] > 1) strides[dim] *= a.step;
  c.view(std::move(shape), std::move(strides), offset);
}

void infer_split(Infer& c, const SplitAttrs& a) {
  const TensorSpec& x = c.input(0);
  if (x.rank() == 0) c.fail_shape("expects an input with dimensions, got a 0-d tensor");
  const auto dim = static_cast<size_t>(c.dim(0, a.dim));
  int64_t left = x.shape[dim];
  bool ok = true;
  for (const int64_t size : a.sizes) {
    ok = ok && size >= 0 && size <= left;
    if (ok) left -= size;
  }
  if (!ok || left != 0) {
    c.fail_shape("expects sizes that add up to {}, got {}", x.shape[dim], shape_text(a.sizes));
  }
  int64_t start = 0;
  for (const int64_t size : a.sizes) {
    Shape shape = x.shape;
    shape[dim] = size;
    c.view(std::move(shape), x.strides, c.input_offset(0) + (size > 0 ? start * x.strides[dim] : 0));
    start += size;
  }
}

void vjp_split(Vjp& c, const SplitAttrs& a) {
  const Tensor& x = c.input(0);
  Device device;
  for (size_t i = 0; i < a.sizes.size(); ++i) {
    if (c.grad(static_cast<int>(i)).defined()) device = c.grad(static_cast<int>(i)).device();
  }
  Tensors parts;
  for (size_t i = 0; i < a.sizes.size(); ++i) {
    const Tensor& g = c.grad(static_cast<int>(i));
    Shape shape = x.shape();
    shape[static_cast<size_t>(normalize_dim(a.dim, x.rank()))] = a.sizes[i];
    parts.push_back(g.defined() ? g : zeros(shape, x.dtype(), device));
  }
  c.input_grad(0, cat(parts, a.dim));
}

void infer_diagonal(Infer& c, const DiagonalAttrs& a) {
  const TensorSpec& x = c.input(0);
  if (x.rank() < 2) c.fail_shape("expects an input of at least two dimensions, got {}", shape_text(x.shape));
  const auto rows = static_cast<size_t>(c.dim(0, a.dim1));
  const auto columns = static_cast<size_t>(c.dim(0, a.dim2));
  if (rows == columns) c.fail_shape("expects two different dims, got {} and {}", a.dim1, a.dim2);
  const int64_t down = std::max<int64_t>(a.offset < 0 ? -std::max(a.offset, -x.shape[rows]) : 0, 0);
  const int64_t right = std::max<int64_t>(std::min(a.offset, x.shape[columns]), 0);
  const int64_t length = std::min(x.shape[rows] - down, x.shape[columns] - right);
  int64_t offset = c.input_offset(0);
  if (length > 0) offset += down * x.strides[rows] + right * x.strides[columns];
  Shape shape;
  Strides strides;
  for (size_t d = 0; d < x.shape.size(); ++d) {
    if (d == rows || d == columns) continue;
    shape.push_back(x.shape[d]);
    strides.push_back(x.strides[d]);
  }
  shape.push_back(std::max<int64_t>(length, 0));
  strides.push_back(x.strides[rows] + x.strides[columns]);
  c.view(std::move(shape), std::move(strides), offset);
}

void vjp_diagonal(Vjp& c, const DiagonalAttrs& a) {
  const Shape& shape = c.input(0).shape();
  const auto rank = static_cast<int>(shape.size());
  const auto rows = static_cast<size_t>(normalize_dim(a.dim1, rank));
  const auto columns = static_cast<size_t>(normalize_dim(a.dim2, rank));
  const Strides whole = contiguous_strides(shape);
  Strides strides;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (d != rows && d != columns) strides.push_back(whole[d]);
  }
  strides.push_back(whole[rows] + whole[columns]);
  const int64_t offset = c.grad(0).numel() == 0 ? 0
                         : a.offset < 0         ? -a.offset * whole[rows]
                                                : a.offset * whole[columns];
  c.input_grad(0, strided_sum(c.grad(0), shape, strides, offset));
}

void infer_unfold_dim(Infer& c, const UnfoldDimAttrs& a) {
  const TensorSpec& x = c.input(0);
  const auto dim = static_cast<size_t>(c.dim(0, a.dim));
  const int64_t limit = x.rank() == 0 ? 1 : x.shape[dim];
  if (a.size < 0 || a.size > limit || a.step < 1) {
    c.fail_shape("expects windows of 0 to {} elements, at least 1 apart; got size {}, step {}", limit, a.size,
                 a.step);
  }
  Shape shape = x.shape;
  Strides strides = x.strides;
  if (x.rank() > 0) {
    shape[dim] = (limit - a.size) / a.step + 1;
    if (shape[dim] > 1) strides[dim] *= a.step;
  }
  shape.push_back(a.size);
  strides.push_back(x.rank() == 0 ? 1 : x.strides[dim]);
  c.view(std::move(shape), std::move(strides), c.input_offset(0));
}

void vjp_unfold_dim(Vjp& c, const UnfoldDimAttrs& a) {
  const Shape& shape = c.input(0).shape();
  Strides strides = contiguous_strides(shape);
  int64_t along = 1;
  if (!shape.empty()) {
    const auto dim = static_cast<size_t>(normalize_dim(a.dim, static_cast<int>(shape.size())));
    along = strides[dim];
    strides[dim] = c.grad(0).shape()[dim] > 1 ? along * a.step : along;
  }
  strides.push_back(along);
  c.input_grad(0, strided_sum(c.grad(0), shape, strides, 0));
}

/// First and last element that a view reaches, relative to its offset.
int64_t reach(const Shape& shape, const Strides& strides) {
  int64_t last = 0;
  for (size_t d = 0; d < shape.size(); ++d) {
    int64_t along = 0;
    if (shape[d] > 0 && (__builtin_mul_overflow(shape[d] - 1, strides[d], &along) ||
                         __builtin_add_overflow(last, along, &last))) {
      return std::numeric_limits<int64_t>::max();
    }
  }
  return last;
}

void infer_as_strided(Infer& c, const AsStridedAttrs& a) {
  const Tensor& x = c.all()[0];
  const Shape size = dims_of(a.size);
  const Strides stride = dims_of(a.stride);
  if (size.size() != stride.size()) {
    c.fail_shape("expects a stride for each size, got {} and {}", shape_text(a.size), shape_text(a.stride));
  }
  const int64_t n = numel(size);
  int64_t elements = x.numel() == 0 ? 0 : reach(x.shape(), x.strides()) + 1;
  if (!x.is_meta() && x.storage())
    elements = static_cast<int64_t>(x.storage()->bytes() / dtype_size(x.dtype()));
  const int64_t from = c.input_offset(0) + a.offset;
  bool ok = std::all_of(stride.begin(), stride.end(), [](int64_t s) { return s >= 0; }) && from >= 0;
  if (ok && n > 0) {
    const int64_t last = reach(size, stride);
    ok = last < elements && from < elements - last;
  }
  if (!ok) {
    c.fail_shape("with size {}, stride {} and offset {} leaves the storage of {} elements",
                 shape_text(a.size), shape_text(a.stride), from, elements);
  }
  c.view(size, stride, n > 0 ? from : c.input_offset(0));
}

void vjp_as_strided(Vjp& c, const AsStridedAttrs& a) {
  const Tensor& x = c.input(0);
  const Strides stride = dims_of(a.stride);
  if (x.numel() == 0 || c.grad(0).numel() == 0) {
    c.input_grad(0, zeros(x.shape(), x.dtype(), c.grad(0).device()));
    return;
  }
  InlineVector<std::pair<int64_t, int64_t>, 8> dims;  // (stride, size) of what matters
  for (size_t d = 0; d < x.shape().size(); ++d) {
    if (x.shape()[d] > 1) dims.push_back({x.strides()[d], x.shape()[d]});
  }
  std::sort(dims.begin(), dims.end());
  int64_t last = 0;
  for (const auto& [step, size] : dims) {
    if (step <= last) {
      fail(ErrorKind::kUnsupported, "as_strided of {}, whose elements share memory, has no gradient",
           spec_text(x.spec()));
    }
    last += (size - 1) * step;
  }
  // What both x and the view reach, as one block.
  const int64_t begin = std::min<int64_t>(a.offset, 0);
  const int64_t end = std::max(a.offset + reach(dims_of(a.size), stride), last) + 1;
  const Tensor block = strided_sum(c.grad(0), {end - begin}, stride, a.offset - begin);
  c.input_grad(0, as_strided(block, x.shape(), x.strides(), -begin));
}

void infer_strided_sum(Infer& c, const StridedSumAttrs& a) {
  const TensorSpec& g = c.input(0);
  const Shape shape = dims_of(a.shape);
  const Strides strides = dims_of(a.strides);
  const int64_t n = numel(shape);
  bool ok = strides.size() == g.shape.size() && a.offset >= 0;
  for (const int64_t s : strides) ok = ok && s >= 0;
  if (ok && g.numel() > 0) {
    const int64_t last = reach(g.shape, strides);
    ok = last < n && a.offset < n - last;
  }
  if (!ok) {
    c.fail_shape("cannot place {} with strides {} from {} in {}", shape_text(g.shape), shape_text(a.strides),
                 a.offset, shape_text(a.shape));
  }
  c.output(shape, g.dtype);
}

template <class A>
Definition<A> view_op(std::string_view name, std::string_view doc, void (*infer)(Infer&, const A&),
                      void (*vjp)(Vjp&, const A&)) {
  Definition<A> d;
  d.name = name;
  d.doc = doc;
  d.infer = infer;
  d.vjp = vjp;
  d.saves = Saves::kNothing;
  d.cost = view_cost<A>;
  return d;
}

}  // namespace

const OpDef& op::reshape() {
  static const OpDef op = define<ReshapeAttrs>(
      {.name = "reshape",
       .doc = "the same elements in another shape",
       .infer = infer_reshape,
       .vjp = [](Vjp& c,
                 const ReshapeAttrs&) { c.input_grad(0, dlb::reshape(c.grad(0), c.input(0).shape())); },
       .saves = Saves::kNothing,
       .cost = view_cost<ReshapeAttrs>,
       .onnx = {"Reshape", 14}});
  return op;
}
const OpDef& op::permute() {
  static const OpDef op = define<PermuteAttrs>({.name = "permute",
                                                .doc = "dimensions in another order",
                                                .infer = infer_permute,
                                                .vjp =
                                                    [](Vjp& c, const PermuteAttrs& a) {
                                                      const auto rank = static_cast<int64_t>(a.dims.size());
                                                      Dims inverse(a.dims.size(), 0);
                                                      for (int64_t i = 0; i < rank; ++i) {
                                                        const int64_t d = a.dims[static_cast<size_t>(i)];
                                                        inverse[static_cast<size_t>(d < 0 ? d + rank : d)] =
                                                            i;
                                                      }
                                                      c.input_grad(0, dlb::permute(c.grad(0), inverse));
                                                    },
                                                .saves = Saves::kNothing,
                                                .cost = view_cost<PermuteAttrs>,
                                                .onnx = {"Transpose", 13}});
  return op;
}
const OpDef& op::expand() {
  static const OpDef op = define<ExpandAttrs>(
      {.name = "expand",
       .doc = "repeats dimensions of size 1 without copying",
       .infer = infer_expand,
       .vjp = [](Vjp& c, const ExpandAttrs&) { c.input_grad(0, sum_to(c.grad(0), c.input(0).shape())); },
       .saves = Saves::kNothing,
       .cost = view_cost<ExpandAttrs>,
       .onnx = {"Expand", 13}});
  return op;
}
const OpDef& op::slice() {
  static const OpDef op = define<SliceAttrs>(
      {.name = "slice",
       .doc = "a regular part of one dimension",
       .infer = infer_slice,
       .vjp =
           [](Vjp& c, const SliceAttrs& a) {
             const int64_t size = c.input(0).dim(a.dim);
             const int64_t start = std::clamp<int64_t>(a.start < 0 ? a.start + size : a.start, 0, size);
             c.input_grad(0, dlb::slice_scatter(c.grad(0), c.input(0).shape(), a.dim, start, a.step));
           },
       .saves = Saves::kNothing,
       .cost = view_cost<SliceAttrs>,
       .onnx = {"Slice", 13}});
  return op;
}
const OpDef& op::split() {
  static const OpDef op =
      define(view_op<SplitAttrs>("split", "parts of one dimension", infer_split, vjp_split));
  return op;
}
const OpDef& op::diagonal() {
  static const OpDef op = define(
      view_op<DiagonalAttrs>("diagonal", "a diagonal of two dimensions", infer_diagonal, vjp_diagonal));
  return op;
}
const OpDef& op::unfold_dim() {
  static const OpDef op = define(
      view_op<UnfoldDimAttrs>("unfold_dim", "windows along a dimension", infer_unfold_dim, vjp_unfold_dim));
  return op;
}
const OpDef& op::as_strided() {
  static const OpDef op = define(view_op<AsStridedAttrs>("as_strided", "any strides over the same memory",
                                                         infer_as_strided, vjp_as_strided));
  return op;
}
const OpDef& op::strided_sum() {
  static const OpDef op =
      define<StridedSumAttrs>({.name = "strided_sum",
                               .doc = "zeros with elements added at strides",
                               .infer = infer_strided_sum,
                               .vjp =
                                   [](Vjp& c, const StridedSumAttrs& a) {
                                     c.input_grad(0, as_strided(contiguous(c.grad(0)), c.input(0).shape(),
                                                                dims_of(a.strides), a.offset));
                                   },
                               .saves = Saves::kNothing,
                               .cost =
                                   [](Inputs in, Inputs out, const StridedSumAttrs&) {
                                     return Cost{0, moved_bytes(in, out)};
                                   }});
  return op;
}

}  // namespace dlb
