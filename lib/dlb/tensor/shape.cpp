#include "dlb/tensor/shape.h"

#include <algorithm>
#include <limits>

#include "dlb/base/error.h"

namespace dlb {

std::string shape_text(std::span<const int64_t> shape) {
  std::string out = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) out += ", ";
    out += std::to_string(shape[i]);
  }
  return out + "]";
}

int64_t numel(std::span<const int64_t> shape) {
  int64_t n = 1;
  bool empty = false;
  for (const int64_t size : shape) {
    if (size < 0) fail(ErrorKind::kShape, "negative size in shape {}", shape_text(shape));
    if (size == 0) empty = true;
    if (size > 0 && __builtin_mul_overflow(n, size, &n)) {
      fail(ErrorKind::kShape, "shape {} has too many elements", shape_text(shape));
    }
  }
  return empty ? 0 : n;
}

Strides contiguous_strides(std::span<const int64_t> shape) {
  Strides strides(shape.size(), 1);
  int64_t step = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    strides[i] = step;
    step *= std::max<int64_t>(shape[i], 1);
  }
  return strides;
}

Strides channels_last_strides(std::span<const int64_t> shape) {
  const size_t rank = shape.size();
  if (rank < 3 || rank > 5) return contiguous_strides(shape);
  Strides strides(rank, 1);
  int64_t step = std::max<int64_t>(shape[1], 1);
  for (size_t i = rank; i-- > 2;) {
    strides[i] = step;
    step *= std::max<int64_t>(shape[i], 1);
  }
  strides[0] = step;
  return strides;
}

namespace {

/// Strides of dimensions of size 1 never matter, and nothing matters in an empty tensor.
bool equivalent(std::span<const int64_t> shape, std::span<const int64_t> a, std::span<const int64_t> b) {
  for (const int64_t size : shape) {
    if (size == 0) return true;
  }
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] != 1 && a[i] != b[i]) return false;
  }
  return true;
}

}  // namespace

bool is_contiguous(std::span<const int64_t> shape, std::span<const int64_t> strides) {
  int64_t step = 1;
  bool ok = true;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1) {
      if (strides[i] != step) ok = false;
      step *= shape[i];
    }
  }
  return ok;
}

bool is_channels_last(std::span<const int64_t> shape, std::span<const int64_t> strides) {
  if (shape.size() < 3 || shape.size() > 5) return false;
  return equivalent(shape, strides, channels_last_strides(shape));
}

bool is_dense(std::span<const int64_t> shape, std::span<const int64_t> strides) {
  InlineVector<std::pair<int64_t, int64_t>, 8> dims;  // (stride, size) of what matters
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1) dims.push_back({strides[i], shape[i]});
  }
  std::sort(dims.begin(), dims.end());
  int64_t step = 1;
  for (const auto& [stride, size] : dims) {
    if (stride != step) return false;
    step *= size;
  }
  return true;
}

Shape broadcast_shapes(std::span<const int64_t> a, std::span<const int64_t> b) {
  const size_t rank = std::max(a.size(), b.size());
  Shape out(rank, 1);
  for (size_t i = 0; i < rank; ++i) {
    const int64_t x = i < rank - a.size() ? 1 : a[i - (rank - a.size())];
    const int64_t y = i < rank - b.size() ? 1 : b[i - (rank - b.size())];
    if (x != y && x != 1 && y != 1) {
      fail(ErrorKind::kShape, "shapes {} and {} do not broadcast", shape_text(a), shape_text(b));
    }
    out[i] = x == 1 ? y : x;
  }
  return out;
}

int normalize_dim(int64_t dim, int rank, const char* what) {
  const int64_t limit = std::max(rank, 1);
  if (dim < -limit || dim >= limit) {
    fail(ErrorKind::kShape, "{} {} is out of range for rank {}: expected {} to {}", what, dim, rank, -limit,
         limit - 1);
  }
  return static_cast<int>(dim < 0 ? dim + limit : dim);
}

bool view_strides(std::span<const int64_t> shape, std::span<const int64_t> strides,
                  std::span<const int64_t> target, Strides& out) {
  out = contiguous_strides(target);
  for (const int64_t size : shape) {
    if (size == 0) return true;
  }
  // Walk both shapes from the right, matching runs of source dimensions that are contiguous among themselves
  // with runs of target dimensions of the same number of elements.
  size_t t = target.size();
  int64_t run_stride = 1;
  int64_t source_count = 1;
  int64_t target_count = 1;
  size_t s = shape.size();
  if (s == 0) return true;
  run_stride = strides[s - 1];
  while (s-- > 0) {
    source_count *= shape[s];
    const bool run_ends = s == 0 || (shape[s - 1] != 1 && strides[s - 1] != source_count * run_stride);
    if (!run_ends) continue;
    while (t > 0 && (target_count < source_count || target[t - 1] == 1)) {
      --t;
      out[t] = target_count * run_stride;
      target_count *= target[t];
    }
    if (target_count != source_count) return false;
    if (s > 0) {
      run_stride = strides[s - 1];
      source_count = 1;
      target_count = 1;
    }
  }
  return t == 0;
}

}  // namespace dlb
