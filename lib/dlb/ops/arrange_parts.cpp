#include <algorithm>

#include "dlb/ops/create.h"
#include "dlb/ops/index.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {

namespace {

void check_part(const Tensor& src, const Tensor& part, const char* what) {
  if (!(src.shape() == part.shape())) {
    fail(ErrorKind::kShape, "{} expects a source {}, got {}", what, shape_text(part.shape()),
         shape_text(src.shape()));
  }
}

/// x with src at the positions that `part`, a view of row-major positions, holds.
Tensor put_at(const Tensor& x, const Tensor& src, const Tensor& part) {
  const Tensor flat = index_copy(reshape(x, {x.numel()}), 0, reshape(part, {part.numel()}),
                                 reshape(cast(src, x.dtype()), {src.numel()}));
  return reshape(flat, x.shape());
}

}  // namespace

Tensor select_scatter(const Tensor& x, const Tensor& src, int64_t dim, int64_t index) {
  const int at = normalize_dim(dim, x.rank());
  check_part(src, select(x.detach(), at, index), "select_scatter");
  const int64_t from = index < 0 ? index + x.dim(at) : index;
  return slice_scatter(x, unsqueeze(src, at), at, from, from + 1);
}

Tensor slice_scatter(const Tensor& x, const Tensor& src, int64_t dim, std::optional<int64_t> start,
                     std::optional<int64_t> end, int64_t step) {
  const int at = normalize_dim(dim, x.rank());
  const int64_t size = x.rank() == 0 ? 0 : x.dim(at);
  const Tensor rows =
      slice(arange(0, static_cast<double>(size)), 0, start.value_or(0), end.value_or(size), step);
  Shape shape = x.shape();
  if (!shape.empty()) shape[static_cast<size_t>(at)] = rows.numel();
  if (x.rank() == 0 || !(src.shape() == shape)) {
    fail(ErrorKind::kShape, "slice_scatter expects a source {}, got {}", shape_text(shape),
         shape_text(src.shape()));
  }
  return index_copy(x, at, rows, cast(src, x.dtype()));
}

Tensor diagonal_scatter(const Tensor& x, const Tensor& src, int64_t offset, int64_t dim1, int64_t dim2) {
  const Tensor places = reshape(arange(0, static_cast<double>(x.numel())), x.shape());
  const Tensor part = diagonal(places, offset, dim1, dim2);
  check_part(src, part, "diagonal_scatter");
  return put_at(x, src, part);
}

Tensor pixel_shuffle(const Tensor& x, int64_t factor) {
  const int rank = x.rank();
  if (rank < 3 || factor < 1 || factor > (1 << 20) || x.dim(-3) % (factor * factor) != 0) {
    fail(ErrorKind::kShape,
         "pixel_shuffle by {} expects [*, channels, H, W] with channels divisible by its square, got {}",
         factor, shape_text(x.shape()));
  }
  Shape apart(x.shape().begin(), x.shape().end() - 3);
  Dims order;
  for (int64_t d = 0; d < rank - 3; ++d) order.push_back(d);
  const int64_t c = rank - 3;
  for (const int64_t size : {x.dim(-3) / (factor * factor), factor, factor, x.dim(-2), x.dim(-1)}) {
    apart.push_back(size);
  }
  for (const int64_t d : {c, c + 3, c + 1, c + 4, c + 2}) order.push_back(d);
  Shape joined(x.shape().begin(), x.shape().end() - 3);
  for (const int64_t size : {x.dim(-3) / (factor * factor), x.dim(-2) * factor, x.dim(-1) * factor}) {
    joined.push_back(size);
  }
  return reshape(permute(reshape(x, apart), order), joined);
}

Tensor pixel_unshuffle(const Tensor& x, int64_t factor) {
  const int rank = x.rank();
  if (rank < 3 || factor < 1 || factor > (1 << 20) || x.dim(-2) % factor != 0 || x.dim(-1) % factor != 0) {
    fail(ErrorKind::kShape,
         "pixel_unshuffle by {} expects [*, channels, H, W] with H and W divisible by it, got {}", factor,
         shape_text(x.shape()));
  }
  Shape apart(x.shape().begin(), x.shape().end() - 3);
  Dims order;
  for (int64_t d = 0; d < rank - 3; ++d) order.push_back(d);
  const int64_t c = rank - 3;
  for (const int64_t size : {x.dim(-3), x.dim(-2) / factor, factor, x.dim(-1) / factor, factor}) {
    apart.push_back(size);
  }
  for (const int64_t d : {c, c + 2, c + 4, c + 1, c + 3}) order.push_back(d);
  Shape joined(x.shape().begin(), x.shape().end() - 3);
  for (const int64_t size : {x.dim(-3) * factor * factor, x.dim(-2) / factor, x.dim(-1) / factor}) {
    joined.push_back(size);
  }
  return reshape(permute(reshape(x, apart), order), joined);
}

Tensor channel_shuffle(const Tensor& x, int64_t groups) {
  if (x.rank() < 3 || groups < 1 || x.dim(1) % groups != 0) {
    fail(ErrorKind::kShape, "channel_shuffle in {} groups expects [N, channels, *] divisible by it, got {}",
         groups, shape_text(x.shape()));
  }
  Shape apart = x.shape();
  apart[1] /= groups;
  apart.insert(1, groups);
  return reshape(transpose(reshape(x, apart), 1, 2), x.shape());
}

}  // namespace dlb
