#include "dlb/ops/shape_ops.h"

#include <algorithm>

#include "dlb/ops/binary.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/shape_defs.h"
#include "dlb/ops/unary.h"

namespace dlb {

namespace {

std::vector<int64_t> to_vector(const Dims& dims) { return {dims.begin(), dims.end()}; }
Shape to_shape(const std::vector<int64_t>& v) { return {v.begin(), v.end()}; }

template <class A>
Cost view_cost(Inputs, Inputs, const A&) {
  return {};
}
template <class A>
Cost copy_cost(Inputs in, Inputs out, const A&) {
  return {0, moved_bytes(in, out)};
}

/// An output with the memory order of input 0 where that is dense, row-major otherwise.
void like_input(Infer& c) {
  TensorSpec spec = c.input(0);
  if (!is_dense(spec.shape, spec.strides)) spec.strides = contiguous_strides(spec.shape);
  c.output(std::move(spec));
}

void infer_reshape(Infer& c, const ReshapeAttrs& a) {
  const TensorSpec& x = c.input(0);
  Shape shape = to_shape(a.shape);
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
  Shape shape = to_shape(a.size);
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

void infer_contiguous(Infer& c, const ContiguousAttrs& a) {
  TensorSpec spec = c.input(0);
  spec.strides =
      a.memory_format == "channels_last" ? channels_last_strides(spec.shape) : contiguous_strides(spec.shape);
  c.output(std::move(spec));
}

void infer_cat(Infer& c, const CatAttrs& a) {
  if (c.inputs() == 0) c.fail_shape("expects at least one tensor");
  TensorSpec spec = c.input(0);
  if (spec.rank() == 0) c.fail_shape("expects tensors with dimensions, got 0-d ones; see stack");
  const auto dim = static_cast<size_t>(c.dim(0, a.dim));
  bool channels_last = true;
  int64_t total = 0;
  for (int i = 0; i < c.inputs(); ++i) {
    const TensorSpec& part = c.input(i);
    Shape rest = part.shape;
    if (rest.size() > dim) rest[dim] = spec.shape[dim];
    if (!(rest == spec.shape)) {
      c.fail_shape("expects the same sizes but for dim {}, got {} and {}", a.dim, shape_text(spec.shape),
                   shape_text(part.shape));
    }
    if (__builtin_add_overflow(total, part.shape[dim], &total)) c.fail_shape("result is too large");
    spec.dtype = promote(spec.dtype, part.dtype);
    channels_last &= is_channels_last(part.shape, part.strides) && !is_contiguous(part.shape, part.strides);
  }
  spec.shape[dim] = total;
  numel(spec.shape);
  spec.strides = channels_last ? channels_last_strides(spec.shape) : contiguous_strides(spec.shape);
  c.output(std::move(spec));
}

void vjp_cat(Vjp& c, const CatAttrs& a) {
  int64_t start = 0;
  for (int i = 0; i < c.inputs(); ++i) {
    const int64_t length = c.input(i).dim(a.dim);
    if (c.needs(i)) c.input_grad(i, cast(narrow(c.grad(0), a.dim, start, length), c.input(i).dtype()));
    start += length;
  }
}

void infer_pad(Infer& c, const PadAttrs& a) {
  TensorSpec spec = c.input(0);
  if (a.pad.size() % 2 != 0 || a.pad.size() > 2 * spec.shape.size()) {
    c.fail_shape("expects pairs of amounts for at most {} dimensions, got {}", spec.rank(),
                 shape_text(a.pad));
  }
  for (size_t i = 0; i < a.pad.size(); ++i) {
    int64_t& size = spec.shape[spec.shape.size() - 1 - i / 2];
    if (__builtin_add_overflow(size, a.pad[i], &size)) size = -1;
  }
  for (const int64_t size : spec.shape) {
    if (size < 0)
      c.fail_shape("by {} crops more than there is of {}", shape_text(a.pad), shape_text(c.input(0).shape));
  }
  numel(spec.shape);
  const bool channels_last = is_channels_last(c.input(0).shape, c.input(0).strides) &&
                             !is_contiguous(c.input(0).shape, c.input(0).strides);
  spec.strides = channels_last ? channels_last_strides(spec.shape) : contiguous_strides(spec.shape);
  c.output(std::move(spec));
}

void vjp_pad(Vjp& c, const PadAttrs& a) {
  Dims back;  // padding back by the negative amounts crops what was added, and pads with zeros what was
              // cropped
  for (const int64_t amount : a.pad) back.push_back(-amount);
  c.input_grad(0, pad(c.grad(0), back));
}

void infer_flip(Infer& c, const FlipAttrs& a) {
  InlineVector<bool, 8> seen(std::max<size_t>(c.input(0).shape.size(), 1), false);
  for (const int64_t d : a.dims) {
    bool& flag = seen[static_cast<size_t>(c.dim(0, d))];
    if (flag) c.fail_shape("repeats dim {} in {}", d, shape_text(a.dims));
    flag = true;
  }
  like_input(c);
}

void infer_slice_scatter(Infer& c, const SliceScatterAttrs& a) {
  const TensorSpec& g = c.input(0);
  const Shape shape = to_shape(a.shape);
  numel(shape);
  bool ok = shape.size() == g.shape.size() && !shape.empty() && a.step >= 1 && a.start >= 0;
  if (ok) {
    const auto dim = static_cast<size_t>(c.dim(0, a.dim));
    for (size_t i = 0; i < shape.size(); ++i) ok &= i == dim || shape[i] == g.shape[i];
    const int64_t n = g.shape[dim];
    ok &= n == 0 || (a.start < shape[dim] && (n - 1) <= (shape[dim] - 1 - a.start) / a.step);
  }
  if (!ok) {
    c.fail_shape("cannot place {} in {} from {} in steps of {}", shape_text(g.shape), shape_text(a.shape),
                 a.start, a.step);
  }
  c.output(shape, g.dtype);
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
const OpDef& op::contiguous() {
  static const OpDef op =
      define<ContiguousAttrs>({.name = "contiguous",
                               .doc = "a copy in another memory order",
                               .infer = infer_contiguous,
                               .vjp = [](Vjp& c, const ContiguousAttrs&) { c.input_grad(0, c.grad(0)); },
                               .saves = Saves::kNothing,
                               .cost = copy_cost<ContiguousAttrs>,
                               .onnx = {"Identity", 14}});
  return op;
}
const OpDef& op::cat() {
  static const OpDef op = define<CatAttrs>({.name = "cat",
                                            .doc = "tensors joined along a dimension",
                                            .infer = infer_cat,
                                            .vjp = vjp_cat,
                                            .saves = Saves::kNothing,
                                            .cost = copy_cost<CatAttrs>,
                                            .onnx = {"Concat", 13}});
  return op;
}
const OpDef& op::pad() {
  static const OpDef op = define<PadAttrs>({.name = "pad",
                                            .doc = "a constant around the tensor",
                                            .infer = infer_pad,
                                            .vjp = vjp_pad,
                                            .saves = Saves::kNothing,
                                            .cost = copy_cost<PadAttrs>,
                                            .onnx = {"Pad", 13}});
  return op;
}
const OpDef& op::flip() {
  static const OpDef op = define<FlipAttrs>(
      {.name = "flip",
       .doc = "dimensions reversed",
       .infer = infer_flip,
       .vjp = [](Vjp& c, const FlipAttrs& a) { c.input_grad(0, dlb::flip(c.grad(0), to_shape(a.dims))); },
       .saves = Saves::kNothing,
       .cost = copy_cost<FlipAttrs>,
       .onnx = {"Slice", 13}});
  return op;
}
const OpDef& op::slice_scatter() {
  static const OpDef op =
      define<SliceScatterAttrs>({.name = "slice_scatter",
                                 .doc = "zeros with a tensor at a slice",
                                 .infer = infer_slice_scatter,
                                 .vjp =
                                     [](Vjp& c, const SliceScatterAttrs& a) {
                                       const int64_t n = c.input(0).dim(a.dim);
                                       const int64_t end = n == 0 ? a.start : a.start + (n - 1) * a.step + 1;
                                       c.input_grad(0, dlb::slice(c.grad(0), a.dim, a.start, end, a.step));
                                     },
                                 .saves = Saves::kNothing,
                                 .cost = copy_cost<SliceScatterAttrs>});
  return op;
}

std::span<const OpDef* const> shape_ops() {
  static const OpDef* const ops[] = {&op::reshape(), &op::permute(),    &op::expand(),
                                     &op::slice(),   &op::contiguous(), &op::cat(),
                                     &op::pad(),     &op::flip(),       &op::slice_scatter()};
  return ops;
}

Tensor reshape(const Tensor& x, Shape shape) {
  if (x.shape() == shape) return x;
  return apply1<ReshapeAttrs>(op::reshape(), {x}, {to_vector(shape)});
}

Tensor flatten(const Tensor& x, int64_t start, int64_t end) {
  const int first = normalize_dim(start, x.rank(), "start dim");
  const int last = normalize_dim(end, x.rank(), "end dim");
  if (first > last)
    fail(ErrorKind::kShape, "flatten from dim {} to {}: the first comes after the last", start, end);
  if (x.rank() == 0) return reshape(x, {1});
  Shape shape(x.shape().begin(), x.shape().begin() + first);
  int64_t joined = 1;
  for (int d = first; d <= last; ++d) joined *= x.dim(d);
  shape.push_back(joined);
  for (int d = last + 1; d < x.rank(); ++d) shape.push_back(x.dim(d));
  return reshape(x, shape);
}

Tensor permute(const Tensor& x, Dims order) {
  return apply1<PermuteAttrs>(op::permute(), {x}, {to_vector(order)});
}

Tensor transpose(const Tensor& x, int64_t a, int64_t b) {
  const auto i = static_cast<size_t>(normalize_dim(a, x.rank()));
  const auto j = static_cast<size_t>(normalize_dim(b, x.rank()));
  if (x.rank() == 0) return x;
  Dims order;
  for (int64_t d = 0; d < x.rank(); ++d) order.push_back(d);
  std::swap(order[i], order[j]);
  return permute(x, order);
}

Tensor expand(const Tensor& x, Shape shape) {
  if (x.shape() == shape) return x;
  return apply1<ExpandAttrs>(op::expand(), {x}, {to_vector(shape)});
}

Tensor unsqueeze(const Tensor& x, int64_t dim) {
  const int at = normalize_dim(dim, x.rank() + 1);
  Shape shape = x.shape();
  shape.insert(static_cast<size_t>(at), 1);
  return reshape(x, shape);
}

Tensor squeeze(const Tensor& x, int64_t dim) {
  const auto at = static_cast<size_t>(normalize_dim(dim, x.rank()));
  if (x.rank() == 0 || x.shape()[at] != 1) return x;
  Shape shape = x.shape();
  shape.erase(at);
  return reshape(x, shape);
}

Tensor slice(const Tensor& x, int64_t dim, int64_t start, int64_t end, int64_t step) {
  return apply1<SliceAttrs>(op::slice(), {x}, {dim, start, end, step});
}

Tensor narrow(const Tensor& x, int64_t dim, int64_t start, int64_t length) {
  const int at = normalize_dim(dim, x.rank());
  const int64_t size = x.rank() == 0 ? 0 : x.dim(at);
  if (start < 0 || length < 0 || start > size || length > size - start) {
    fail(ErrorKind::kShape, "narrow of {} elements from {} is out of range for dim {} of {}", length, start,
         dim, shape_text(x.shape()));
  }
  return slice(x, dim, start, start + length);
}

Tensor select(const Tensor& x, int64_t dim, int64_t index) {
  const int at = normalize_dim(dim, x.rank());
  const int64_t size = x.rank() == 0 ? 0 : x.dim(at);
  if (index < -size || index >= size) {
    fail(ErrorKind::kShape, "index {} is out of range for dim {} of {}", index, dim, shape_text(x.shape()));
  }
  const int64_t from = index < 0 ? index + size : index;
  return squeeze(slice(x, at, from, from + 1), at);
}

std::vector<Tensor> split(const Tensor& x, int64_t size, int64_t dim) {
  const int at = normalize_dim(dim, x.rank());
  if (size < 1 || x.rank() == 0) {
    fail(ErrorKind::kShape, "cannot split {} into parts of {}", shape_text(x.shape()), size);
  }
  std::vector<Tensor> parts;
  for (int64_t i = 0; i < x.dim(at); i += size)
    parts.push_back(narrow(x, at, i, std::min(size, x.dim(at) - i)));
  if (parts.empty()) parts.push_back(x);
  return parts;
}

std::vector<Tensor> chunk(const Tensor& x, int64_t count, int64_t dim) {
  const int at = normalize_dim(dim, x.rank());
  if (count < 1 || x.rank() == 0) {
    fail(ErrorKind::kShape, "cannot split {} into {} parts", shape_text(x.shape()), count);
  }
  return split(x, std::max<int64_t>((x.dim(at) + count - 1) / count, 1), at);
}

Tensor contiguous(const Tensor& x, Layout layout) {
  const bool row_major = layout == Layout::kRowMajor || x.rank() < 3 || x.rank() > 5;
  if (row_major ? x.is_contiguous() : x.is_channels_last()) return x;
  return apply1<ContiguousAttrs>(op::contiguous(), {x}, {row_major ? "contiguous" : "channels_last"});
}

Tensor cat(const std::vector<Tensor>& parts, int64_t dim) {
  const CatAttrs attrs{dim};
  return std::move(apply(op::cat(), Inputs(parts), static_cast<const void*>(&attrs))[0]);
}

Tensor stack(const std::vector<Tensor>& parts, int64_t dim) {
  std::vector<Tensor> raised;
  raised.reserve(parts.size());
  for (const Tensor& t : parts) raised.push_back(unsqueeze(t, dim));
  return cat(raised, dim);
}

Tensor pad(const Tensor& x, Dims amounts, double value) {
  return apply1<PadAttrs>(op::pad(), {x}, {to_vector(amounts), value});
}

Tensor flip(const Tensor& x, Dims dims) { return apply1<FlipAttrs>(op::flip(), {x}, {to_vector(dims)}); }

Tensor slice_scatter(const Tensor& g, const Shape& shape, int64_t dim, int64_t start, int64_t step) {
  return apply1<SliceScatterAttrs>(op::slice_scatter(), {g}, {to_vector(shape), dim, start, step});
}

}  // namespace dlb
