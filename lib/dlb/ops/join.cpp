#include "dlb/ops/join.h"

#include <algorithm>
#include <cmath>

#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/index.h"
#include "dlb/ops/pad.h"
#include "dlb/ops/shape_defs.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb {

namespace {

/// Joins with anything, for the sake of loops that start from an empty tensor.
bool is_nothing(const Shape& shape) { return shape.size() == 1 && shape[0] == 0; }

void infer_cat(Infer& c, const CatAttrs& a) {
  if (c.inputs() == 0) c.fail_shape("expects at least one tensor");
  int reference = 0;
  while (reference + 1 < c.inputs() && is_nothing(c.input(reference).shape)) ++reference;
  TensorSpec spec = c.input(reference);
  for (int i = 0; i < c.inputs(); ++i) spec.dtype = promote(spec.dtype, c.input(i).dtype);
  if (spec.rank() == 0) c.fail_shape("expects tensors with dimensions, got 0-d ones; see stack");
  const auto dim = static_cast<size_t>(c.dim(reference, a.dim));
  bool channels_last = true;
  int64_t total = 0;
  for (int i = 0; i < c.inputs(); ++i) {
    const TensorSpec& part = c.input(i);
    if (is_nothing(part.shape)) continue;
    Shape rest = part.shape;
    if (rest.size() > dim) rest[dim] = spec.shape[dim];
    if (!(rest == spec.shape)) {
      c.fail_shape("expects the same sizes but for dim {}, got {} and {}", a.dim, shape_text(spec.shape),
                   shape_text(part.shape));
    }
    if (__builtin_add_overflow(total, part.shape[dim], &total)) c.fail_shape("result is too large");
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
    if (is_nothing(c.input(i).shape())) {
      if (c.needs(i)) c.input_grad(i, zeros({0}, c.input(i).dtype(), c.grad(0).device()));
      continue;
    }
    const int64_t length = c.input(i).dim(a.dim);
    if (c.needs(i)) c.input_grad(i, cast(narrow(c.grad(0), a.dim, start, length), c.input(i).dtype()));
    start += length;
  }
}

Tensors raised(const Tensors& parts, int rank) {
  Tensors out;
  out.reserve(parts.size());
  for (const Tensor& x : parts) out.push_back(atleast_nd(x, rank));
  return out;
}

/// A vector, as 0-d tensors count here.
Tensor as_vector(const Tensor& x, const char* what) {
  if (x.rank() > 1) {
    fail(ErrorKind::kShape, "{} expects vectors, got {}", what, shape_text(x.shape()));
  }
  return atleast_nd(x, 1);
}

}  // namespace

const OpDef& op::cat() {
  static const OpDef op = define<CatAttrs>({.name = "cat",
                                            .doc = "tensors joined along a dimension",
                                            .infer = infer_cat,
                                            .vjp = vjp_cat,
                                            .saves = Saves::kNothing,
                                            .cost =
                                                [](Inputs in, Inputs out, const CatAttrs&) {
                                                  return Cost{0, moved_bytes(in, out)};
                                                },
                                            .onnx = {"Concat", 13}});
  return op;
}

Tensor cat(const Tensors& parts, int64_t dim) {
  const CatAttrs attrs{dim};
  return std::move(apply(op::cat(), Inputs(parts), static_cast<const void*>(&attrs))[0]);
}

Tensor stack(const Tensors& parts, int64_t dim) {
  Tensors unsqueezed;
  unsqueezed.reserve(parts.size());
  for (const Tensor& x : parts) {
    if (!(x.shape() == parts.front().shape())) {
      fail(ErrorKind::kShape, "stack expects tensors of one shape, got {} and {}",
           shape_text(parts.front().shape()), shape_text(x.shape()));
    }
    unsqueezed.push_back(unsqueeze(x, dim));
  }
  if (parts.empty()) fail(ErrorKind::kShape, "stack expects at least one tensor");
  return cat(unsqueezed, normalize_dim(dim, parts.front().rank() + 1));
}

Tensor hstack(const Tensors& parts) {
  const Tensors list = raised(parts, 1);
  return cat(list, !list.empty() && list.front().rank() > 1 ? 1 : 0);
}
Tensor vstack(const Tensors& parts) { return cat(raised(parts, 2), 0); }
Tensor dstack(const Tensors& parts) { return cat(raised(parts, 3), 2); }
Tensor column_stack(const Tensors& parts) {
  Tensors list;
  for (const Tensor& x : parts) list.push_back(x.rank() < 2 ? reshape(x, {x.numel(), 1}) : x);
  return cat(list, 1);
}

Tensor block_diag(const Tensors& parts) {
  int64_t width = 0;
  for (const Tensor& x : parts) {
    if (x.rank() > 2) {
      fail(ErrorKind::kShape, "block_diag expects matrices or less, got {}", shape_text(x.shape()));
    }
    width += x.rank() == 0 ? 1 : x.dim(-1);
  }
  Tensors rows;
  int64_t left = 0;
  for (const Tensor& x : parts) {
    const Tensor matrix = atleast_nd(x, 2);
    rows.push_back(pad(matrix, {left, width - left - matrix.dim(1)}));
    left += matrix.dim(1);
  }
  return cat(rows, 0);
}

Tensors meshgrid(const Tensors& parts, bool xy) {
  if (parts.empty()) fail(ErrorKind::kShape, "meshgrid expects at least one tensor");
  const bool exchange = xy && parts.size() > 1;
  Shape shape;
  for (const Tensor& x : parts) {
    if (x.dtype() != parts.front().dtype()) {
      fail(ErrorKind::kDtype, "meshgrid expects tensors of one dtype, got {} and {}",
           dtype_name(parts.front().dtype()), dtype_name(x.dtype()));
    }
    shape.push_back(as_vector(x, "meshgrid").numel());
  }
  if (exchange) std::swap(shape[0], shape[1]);
  Tensors grids;
  for (size_t i = 0; i < parts.size(); ++i) {
    Shape place(shape.size(), 1);
    place[exchange && i < 2 ? 1 - i : i] = parts[i].numel();
    grids.push_back(expand(reshape(parts[i], place), shape));
  }
  return grids;
}

Tensor cartesian_prod(const Tensors& parts) {
  for (const Tensor& x : parts) {
    if (x.rank() != 1) {
      fail(ErrorKind::kShape, "cartesian_prod expects vectors, got {}", shape_text(x.shape()));
    }
  }
  if (parts.size() == 1) return parts.front();
  Tensors columns;
  for (const Tensor& grid : meshgrid(parts)) columns.push_back(reshape(grid, {grid.numel()}));
  return stack(columns, 1);
}

Tensor combinations(const Tensor& x, int64_t r, bool with_replacement) {
  if (x.rank() != 1 || r < 0) {
    fail(ErrorKind::kShape, "combinations expects a vector and a count, got {} and {}", shape_text(x.shape()),
         r);
  }
  if (r == 0) return zeros({0}, x.dtype(), x.device());
  const int64_t n = x.dim(0);
  if (n == 0 || (!with_replacement && r > n)) return zeros({0, r}, x.dtype(), x.device());
  // The number of choices, refused before they are listed if memory could not hold them.
  const auto chosen = static_cast<double>(r);
  const double all = static_cast<double>(n) + (with_replacement ? chosen - 1 : 0);
  const double choices =
      std::exp(std::lgamma(all + 1) - std::lgamma(chosen + 1) - std::lgamma(all - chosen + 1));
  if (!(choices * chosen < 0x1p36) || r > (int64_t{1} << 36)) {
    fail(ErrorKind::kShape, "combinations of {} out of {} are too many: about {:.1e}", r, n, choices);
  }
  const auto width = static_cast<size_t>(r);
  std::vector<int64_t> rows;
  std::vector<int64_t> row(width);
  for (size_t i = 0; i < width; ++i) row[i] = with_replacement ? 0 : static_cast<int64_t>(i);
  int64_t count = 0;
  for (;;) {
    rows.insert(rows.end(), row.begin(), row.end());
    ++count;
    // The last place that can still move on does, and those behind it start over.
    size_t at = width;
    while (at > 0 && row[at - 1] == (with_replacement ? n - 1 : n - static_cast<int64_t>(width - at) - 1))
      --at;
    if (at == 0) break;
    ++row[at - 1];
    for (size_t i = at; i < width; ++i) row[i] = row[i - 1] + (with_replacement ? 0 : 1);
  }
  const auto total = static_cast<int64_t>(rows.size());
  return reshape(index_select(x, 0, Tensor::from(rows, {total})), {count, r});
}

}  // namespace dlb
