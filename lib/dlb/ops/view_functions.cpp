#include <algorithm>

#include "dlb/ops/shape_defs.h"
#include "dlb/ops/view.h"

namespace dlb {

Tensor reshape(const Tensor& x, Shape shape) {
  if (x.shape() == shape) return x;
  return apply1<ReshapeAttrs>(op::reshape(), {x}, {list_of(shape)});
}

Tensor view(const Tensor& x, Shape shape) {
  const ReshapeAttrs attrs{list_of(shape)};
  if (infer(op::reshape(), Inputs(&x, 1), &attrs)[0].offset < 0) {
    fail(ErrorKind::kShape, "view as {} is not possible with shape {} and strides {}; reshape copies",
         shape_text(shape), shape_text(x.shape()), shape_text(x.strides()));
  }
  return reshape(x, std::move(shape));
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

Tensor unflatten(const Tensor& x, int64_t dim, const Shape& sizes) {
  const auto at = static_cast<size_t>(normalize_dim(dim, x.rank()));
  if (x.rank() == 0 || sizes.empty()) {
    fail(ErrorKind::kShape, "unflatten expects a dimension and its sizes, got {} for {}", shape_text(sizes),
         shape_text(x.shape()));
  }
  Shape parts = sizes;
  int64_t known = 1;
  int64_t* unknown = nullptr;
  bool ok = true;
  for (int64_t& size : parts) {
    if (size == -1 && unknown == nullptr) {
      unknown = &size;
    } else {
      ok = ok && size >= 0 && !__builtin_mul_overflow(known, size, &known);
    }
  }
  const int64_t whole = x.shape()[at];
  if (ok && unknown != nullptr) {
    ok = known > 0 && whole % known == 0;
    if (ok) *unknown = whole / known;
  } else {
    ok = ok && known == whole;
  }
  if (!ok) {
    fail(ErrorKind::kShape, "unflatten of dim {} of {} cannot make {}", dim, shape_text(x.shape()),
         shape_text(sizes));
  }
  Shape shape;
  for (size_t d = 0; d < x.shape().size(); ++d) {
    if (d != at) {
      shape.push_back(x.shape()[d]);
      continue;
    }
    for (const int64_t size : parts) shape.push_back(size);
  }
  return reshape(x, shape);
}

Tensor permute(const Tensor& x, Dims order) {
  return apply1<PermuteAttrs>(op::permute(), {x}, {list_of(order)});
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

Tensor matrix_transpose(const Tensor& x) {
  if (x.rank() > 2) {
    fail(ErrorKind::kShape, "t expects at most two dimensions, got {}; see transpose", shape_text(x.shape()));
  }
  return x.rank() < 2 ? x : transpose(x, 0, 1);
}

Tensor movedim(const Tensor& x, const Dims& source, const Dims& destination) {
  if (source.size() != destination.size()) {
    fail(ErrorKind::kShape, "movedim expects as many sources as destinations, got {} and {}",
         shape_text(source), shape_text(destination));
  }
  const auto rank = static_cast<size_t>(x.rank());
  Dims order(rank, -1);
  InlineVector<bool, 8> moved(std::max<size_t>(rank, 1), false);
  InlineVector<bool, 8> taken(std::max<size_t>(rank, 1), false);
  for (size_t i = 0; i < source.size(); ++i) {
    const auto from = static_cast<size_t>(normalize_dim(source[i], x.rank(), "source dim"));
    const auto to = static_cast<size_t>(normalize_dim(destination[i], x.rank(), "destination dim"));
    if (moved[from] || taken[to]) {
      fail(ErrorKind::kShape, "movedim from {} to {} repeats a dimension", shape_text(source),
           shape_text(destination));
    }
    moved[from] = true;
    taken[to] = true;
    if (rank > 0) order[to] = static_cast<int64_t>(from);
  }
  size_t next = 0;
  for (size_t to = 0; to < rank; ++to) {
    if (order[to] >= 0) continue;
    while (moved[next]) ++next;
    order[to] = static_cast<int64_t>(next++);
  }
  return permute(x, order);
}

Tensor expand(const Tensor& x, Shape shape) {
  if (x.shape() == shape) return x;
  return apply1<ExpandAttrs>(op::expand(), {x}, {list_of(shape)});
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

Tensor squeeze_dims(const Tensor& x, const Dims& dims) {
  InlineVector<bool, 8> gone(std::max<size_t>(x.shape().size(), 1), false);
  for (const int64_t d : dims) {
    bool& flag = gone[static_cast<size_t>(normalize_dim(d, x.rank()))];
    if (flag) fail(ErrorKind::kShape, "squeeze repeats dim {} in {}", d, shape_text(dims));
    flag = true;
  }
  Shape shape;
  for (size_t d = 0; d < x.shape().size(); ++d) {
    if (!gone[d] || x.shape()[d] != 1) shape.push_back(x.shape()[d]);
  }
  return reshape(x, shape);
}

Tensor squeeze_all(const Tensor& x) {
  Shape shape;
  for (const int64_t size : x.shape()) {
    if (size != 1) shape.push_back(size);
  }
  return reshape(x, shape);
}

Tensor atleast_nd(const Tensor& x, int rank) {
  Shape shape = x.shape();
  if (x.rank() == 0 && rank > 0) shape = Shape{1};
  if (shape.size() == 1 && rank > 1) shape.insert(0, 1);
  if (shape.size() == 2 && rank > 2) shape = Shape{shape[0], shape[1], 1};
  return reshape(x, shape);
}

Tensor slice(const Tensor& x, int64_t dim, int64_t start, int64_t end, int64_t step) {
  return apply1<SliceAttrs>(op::slice(), {x}, {dim, start, end, step});
}

Tensor narrow(const Tensor& x, int64_t dim, int64_t start, int64_t length) {
  const int at = normalize_dim(dim, x.rank());
  const int64_t size = x.rank() == 0 ? 0 : x.dim(at);
  const int64_t from = start < 0 && start >= -size ? start + size : start;
  if (from < 0 || length < 0 || from > size || length > size - from) {
    fail(ErrorKind::kShape, "narrow of {} elements from {} is out of range for dim {} of {}", length, start,
         dim, shape_text(x.shape()));
  }
  return slice(x, dim, from, from + length);
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

std::vector<Tensor> split_sizes(const Tensor& x, const Dims& sizes, int64_t dim) {
  const SplitAttrs attrs{list_of(sizes), dim};
  Outputs parts = apply(op::split(), Inputs(&x, 1), static_cast<const void*>(&attrs));
  return {std::make_move_iterator(parts.begin()), std::make_move_iterator(parts.end())};
}

std::vector<Tensor> split(const Tensor& x, int64_t size, int64_t dim) {
  const int at = normalize_dim(dim, x.rank());
  const int64_t whole = x.rank() == 0 ? 0 : x.dim(at);
  if (x.rank() == 0 || size < 0 || (size == 0 && whole > 0)) {
    fail(ErrorKind::kShape, "cannot split {} into parts of {}", shape_text(x.shape()), size);
  }
  const int64_t parts = whole == 0 ? 1 : (whole - 1) / size + 1;
  Dims sizes(static_cast<size_t>(parts), size);
  sizes.back() = whole - (parts - 1) * size;
  return split_sizes(x, sizes, at);
}

std::vector<Tensor> chunk(const Tensor& x, int64_t count, int64_t dim) {
  const int at = normalize_dim(dim, x.rank());
  if (count < 1 || x.rank() == 0) {
    fail(ErrorKind::kShape, "cannot split {} into {} parts", shape_text(x.shape()), count);
  }
  const int64_t whole = x.dim(at);
  if (whole == 0) return split_sizes(x, Dims(static_cast<size_t>(count), 0), at);
  return split(x, whole / count + (whole % count != 0 ? 1 : 0), at);
}

std::vector<Tensor> tensor_split(const Tensor& x, int64_t count, int64_t dim) {
  const int at = normalize_dim(dim, x.rank());
  constexpr int64_t kMost = int64_t{1} << 24;  // each part is a tensor, also one without elements
  if (count < 1 || count > kMost || x.rank() == 0) {
    fail(ErrorKind::kShape, "cannot split {} into {} parts", shape_text(x.shape()), count);
  }
  Dims sizes;
  for (int64_t i = 0; i < count; ++i) sizes.push_back(x.dim(at) / count + (i < x.dim(at) % count ? 1 : 0));
  return split_sizes(x, sizes, at);
}

std::vector<Tensor> tensor_split_at(const Tensor& x, const Dims& at, int64_t dim) {
  const int along = normalize_dim(dim, x.rank());
  if (x.rank() == 0) fail(ErrorKind::kShape, "tensor_split expects an input with dimensions, got a 0-d one");
  std::vector<Tensor> parts;
  int64_t start = 0;
  for (const int64_t end : at) {
    parts.push_back(slice(x, along, start, end));
    start = end;
  }
  parts.push_back(slice(x, along, start, x.dim(along)));
  return parts;
}

std::vector<Tensor> unbind(const Tensor& x, int64_t dim) {
  const int at = normalize_dim(dim, x.rank());
  if (x.rank() == 0) fail(ErrorKind::kShape, "unbind expects an input with dimensions, got a 0-d one");
  std::vector<Tensor> parts = split_sizes(x, Dims(static_cast<size_t>(x.dim(at)), 1), at);
  for (Tensor& part : parts) part = squeeze(part, at);
  return parts;
}

Tensor diagonal(const Tensor& x, int64_t offset, int64_t dim1, int64_t dim2) {
  return apply1<DiagonalAttrs>(op::diagonal(), {x}, {offset, dim1, dim2});
}

Tensor unfold_dim(const Tensor& x, int64_t dim, int64_t size, int64_t step) {
  return apply1<UnfoldDimAttrs>(op::unfold_dim(), {x}, {dim, size, step});
}

Tensor as_strided(const Tensor& x, const Shape& size, const Strides& stride, std::optional<int64_t> offset) {
  const int64_t own = x.is_meta() ? 0 : x.offset();
  return apply1<AsStridedAttrs>(op::as_strided(), {x},
                                {list_of(size), list_of(stride), offset ? *offset - own : 0});
}

Tensor strided_sum(const Tensor& g, const Shape& shape, const Strides& strides, int64_t offset) {
  return apply1<StridedSumAttrs>(op::strided_sum(), {g}, {list_of(shape), list_of(strides), offset});
}

}  // namespace dlb
