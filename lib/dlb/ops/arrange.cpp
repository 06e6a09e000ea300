#include "dlb/ops/arrange.h"

#include <algorithm>
#include <limits>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/index.h"
#include "dlb/ops/shape_defs.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {

namespace {

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

void infer_contiguous(Infer& c, const ContiguousAttrs& a) {
  TensorSpec spec = c.input(0);
  spec.strides =
      a.memory_format == "channels_last" ? channels_last_strides(spec.shape) : contiguous_strides(spec.shape);
  c.output(std::move(spec));
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
  const Shape shape = dims_of(a.shape);
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
const OpDef& op::flip() {
  static const OpDef op = define<FlipAttrs>(
      {.name = "flip",
       .doc = "dimensions reversed",
       .infer = infer_flip,
       .vjp = [](Vjp& c, const FlipAttrs& a) { c.input_grad(0, dlb::flip(c.grad(0), dims_of(a.dims))); },
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

Tensor contiguous(const Tensor& x, Layout layout) {
  const bool row_major = layout == Layout::kRowMajor || x.rank() < 3 || x.rank() > 5;
  if (row_major ? x.is_contiguous() : x.is_channels_last()) return x;
  return apply1<ContiguousAttrs>(op::contiguous(), {x}, {row_major ? "contiguous" : "channels_last"});
}

Tensor flip(const Tensor& x, Dims dims) { return apply1<FlipAttrs>(op::flip(), {x}, {list_of(dims)}); }

Tensor slice_scatter(const Tensor& g, const Shape& shape, int64_t dim, int64_t start, int64_t step) {
  return apply1<SliceScatterAttrs>(op::slice_scatter(), {g}, {list_of(shape), dim, start, step});
}

Tensor roll(const Tensor& x, const Dims& shifts, const Dims& dims) {
  if (dims.empty() && shifts.size() == 1) {
    if (x.rank() == 0) return x;
    return reshape(roll(reshape(x, {x.numel()}), shifts, {0}), x.shape());
  }
  if (shifts.size() != dims.size() || shifts.empty()) {
    fail(ErrorKind::kShape, "roll expects a shift for each dim, got {} and {}", shape_text(shifts),
         shape_text(dims));
  }
  Tensor y = x;
  for (size_t i = 0; i < dims.size(); ++i) {
    const int d = normalize_dim(dims[i], x.rank());
    const int64_t size = x.rank() == 0 ? 0 : x.dim(d);
    if (size == 0) continue;
    const int64_t shift = (shifts[i] % size + size) % size;
    if (shift != 0) y = cat({narrow(y, d, size - shift, shift), narrow(y, d, 0, size - shift)}, d);
  }
  return y;
}

Tensor rot90(const Tensor& x, int64_t count, const Dims& dims) {
  const bool two = dims.size() == 2 && x.rank() >= 2;
  const int a = two ? normalize_dim(dims[0], x.rank()) : 0;
  const int b = two ? normalize_dim(dims[1], x.rank()) : 0;
  if (a == b) {
    fail(ErrorKind::kShape, "rot90 expects two different dims of the input, got {} for {}", shape_text(dims),
         shape_text(x.shape()));
  }
  switch ((count % 4 + 4) % 4) {
    case 1:
      return transpose(flip(x, {b}), a, b);
    case 2:
      return flip(x, {a, b});
    case 3:
      return transpose(flip(x, {a}), a, b);
    default:
      return flip(x, {});
  }
}

Tensor repeat(const Tensor& x, const Dims& repeats) {
  bool ok = repeats.size() >= x.shape().size();
  for (const int64_t r : repeats) ok = ok && r >= 0;
  if (!ok) {
    fail(ErrorKind::kShape, "repeat expects a count of at least 0 for each of {} dimensions, got {}",
         x.rank(), shape_text(repeats));
  }
  const size_t extra = repeats.size() - x.shape().size();
  Shape apart, expanded, joined;
  for (size_t d = 0; d < repeats.size(); ++d) {
    const int64_t size = d < extra ? 1 : x.shape()[d - extra];
    apart.push_back(1);
    apart.push_back(size);
    expanded.push_back(repeats[d]);
    expanded.push_back(size);
    numel(Shape{repeats[d], size});
    joined.push_back(repeats[d] * size);
  }
  numel(joined);
  return reshape(expand(reshape(x, apart), expanded), joined);
}

Tensor tile(const Tensor& x, const Dims& repeats) {
  Dims counts = repeats;
  while (counts.size() < x.shape().size()) counts.insert(0, 1);
  return repeat(x, counts);
}

Tensor repeat_interleave(const Tensor& x, int64_t repeats, std::optional<int64_t> dim) {
  const Tensor in = dim ? atleast_nd(x, 1) : reshape(x, {x.numel()});
  const auto at = static_cast<size_t>(normalize_dim(dim.value_or(0), in.rank()));
  if (repeats < 0)
    fail(ErrorKind::kShape, "repeat_interleave expects a count of at least 0, got {}", repeats);
  Shape apart = in.shape();
  apart.insert(at + 1, 1);
  Shape expanded = apart;
  expanded[at + 1] = repeats;
  numel(expanded);
  Shape joined = in.shape();
  joined[at] *= repeats;
  return reshape(expand(reshape(in, apart), expanded), joined);
}

Tensor repeat_interleave(const Tensor& x, const Tensor& repeats, std::optional<int64_t> dim,
                         std::optional<int64_t> output_size) {
  const Tensor in = dim ? atleast_nd(x, 1) : reshape(x, {x.numel()});
  const int at = normalize_dim(dim.value_or(0), in.rank());
  const int64_t n = in.dim(at);
  if (!is_integral(repeats.dtype()) || repeats.rank() > 1 || (repeats.numel() != 1 && repeats.numel() != n)) {
    fail(ErrorKind::kShape, "repeat_interleave expects one integer or {} as counts, got {}", n,
         spec_text(repeats.spec()));
  }
  if (repeats.is_meta()) {
    if (!output_size) {
      fail(ErrorKind::kUnsupported,
           "repeat_interleave by a meta tensor needs output_size: the counts are data");
    }
    return index_select(in, at, Tensor::empty({*output_size}, DType::kInt64, kMeta));
  }
  const std::vector<int64_t> counts = repeats.to_vector<int64_t>();
  int64_t total = 0;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t count = counts[counts.size() == 1 ? 0 : static_cast<size_t>(i)];
    if (count < 0 || __builtin_add_overflow(total, count, &total)) {
      fail(ErrorKind::kData, "repeat_interleave: {} at position {} is no count", count, i);
    }
  }
  if (output_size && *output_size != total) {
    fail(ErrorKind::kShape, "repeat_interleave: the counts add up to {}, not to output_size {}", total,
         *output_size);
  }
  std::vector<int64_t> from;
  from.reserve(static_cast<size_t>(total));
  for (int64_t i = 0; i < n; ++i) {
    from.insert(from.end(), static_cast<size_t>(counts[counts.size() == 1 ? 0 : static_cast<size_t>(i)]), i);
  }
  return index_select(in, at, Tensor::from(from, {total}));
}

namespace {

/// x where column - row is at least `low` and at most `high`, zero elsewhere.
Tensor band(const Tensor& x, int64_t low, int64_t high, const char* what) {
  if (x.rank() < 2) {
    fail(ErrorKind::kShape, "{} expects at least two dimensions, got {}", what, shape_text(x.shape()));
  }
  const int64_t rows = x.dim(-2);
  const int64_t columns = x.dim(-1);
  const Tensor row = reshape(arange(0, static_cast<double>(rows), 1, DType::kInt64, x.device()), {rows, 1});
  const Tensor column = arange(0, static_cast<double>(columns), 1, DType::kInt64, x.device());
  const Tensor distance = sub(column, row);
  // Clipped to what can occur, which float64 holds exactly.
  const Tensor inside = low == std::numeric_limits<int64_t>::min()
                            ? le(distance, static_cast<double>(std::clamp(high, -rows - 1, columns + 1)))
                            : ge(distance, static_cast<double>(std::clamp(low, -rows - 1, columns + 1)));
  return where(inside, x, zeros({}, x.dtype(), x.device()));
}

}  // namespace

Tensor tril(const Tensor& x, int64_t diagonal) {
  return band(x, std::numeric_limits<int64_t>::min(), diagonal, "tril");
}
Tensor triu(const Tensor& x, int64_t diagonal) { return band(x, diagonal, 0, "triu"); }

Tensor diag(const Tensor& x, int64_t diagonal) {
  if (x.rank() == 1) return diag_embed(x, diagonal, 0, 1);
  if (x.rank() != 2) {
    fail(ErrorKind::kShape, "diag expects a vector or a matrix, got {}", shape_text(x.shape()));
  }
  return dlb::diagonal(x, diagonal);
}

Tensor diag_embed(const Tensor& x, int64_t offset, int64_t dim1, int64_t dim2) {
  if (x.rank() < 1) fail(ErrorKind::kShape, "diag_embed expects an input with dimensions, got a 0-d one");
  const auto rows = static_cast<size_t>(normalize_dim(dim1, x.rank() + 1));
  const auto columns = static_cast<size_t>(normalize_dim(dim2, x.rank() + 1));
  constexpr int64_t kFar = int64_t{1} << 40;
  if (rows == columns || offset > kFar || offset < -kFar) {
    fail(ErrorKind::kShape,
         "diag_embed expects two different dims and a reasonable offset, got {}, {} and {}", dim1, dim2,
         offset);
  }
  const int64_t size = x.dim(-1) + (offset < 0 ? -offset : offset);
  Shape shape;
  size_t next = 0;
  for (size_t d = 0; d < x.shape().size() + 1; ++d) {
    shape.push_back(d == rows || d == columns ? size : x.shape()[next++]);
  }
  numel(shape);
  const Strides whole = contiguous_strides(shape);
  Strides strides;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (d != rows && d != columns) strides.push_back(whole[d]);
  }
  strides.push_back(whole[rows] + whole[columns]);
  const int64_t start = x.numel() == 0 ? 0 : offset < 0 ? -offset * whole[rows] : offset * whole[columns];
  return strided_sum(x, shape, strides, start);
}

}  // namespace dlb
