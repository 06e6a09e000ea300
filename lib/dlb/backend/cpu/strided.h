#pragma once
/// \file Walking several tensors of one shape together, whatever their strides.

#include <array>
#include <cstdint>

#include "dlb/tensor/tensor.h"

namespace dlb::backend::cpu {

/// The loop nest over one shape shared by N tensors: sizes, and each tensor's strides in elements. Dimensions
/// are sorted so that tensor 0 is walked in memory order, and neighbours that all tensors walk as one are
/// merged; sizes of 1 are gone.
template <int N>
struct Nest {
  int rank = 0;
  InlineVector<int64_t, 8> size;
  std::array<InlineVector<int64_t, 8>, N> stride;

  int64_t numel() const {
    int64_t n = 1;
    for (int i = 0; i < rank; ++i) n *= size[static_cast<size_t>(i)];
    return n;
  }
};

/// Strides of a tensor that is broadcast to `shape`: 0 where it repeats.
inline Strides broadcast_strides(const TensorSpec& spec, const Shape& shape) {
  const size_t extra = shape.size() - spec.shape.size();
  Strides strides(shape.size(), 0);
  for (size_t i = extra; i < shape.size(); ++i) {
    if (spec.shape[i - extra] != 1) strides[i] = spec.strides[i - extra];
  }
  return strides;
}

template <int N>
Nest<N> make_nest(const Shape& shape, const std::array<const Strides*, N>& strides) {
  const auto magnitude = [](int64_t s) { return s < 0 ? -s : s; };
  InlineVector<size_t, 8> order;
  for (size_t d = 0; d < shape.size(); ++d) {
    if (shape[d] == 1) continue;
    size_t at = order.size();
    order.push_back(d);
    // Insertion sort by falling stride of tensor 0, then of the others; stable.
    for (; at > 0; --at) {
      const size_t before = order[at - 1];
      bool swap = false;
      for (int t = 0; t < N; ++t) {
        const Strides& s = *strides[static_cast<size_t>(t)];
        if (magnitude(s[before]) == magnitude(s[d])) continue;
        swap = magnitude(s[before]) < magnitude(s[d]);
        break;
      }
      if (!swap) break;
      order[at] = before;
      order[at - 1] = d;
    }
  }
  Nest<N> nest;
  for (const size_t d : order) {
    bool merge = nest.rank > 0;
    for (int t = 0; merge && t < N; ++t) {
      const auto ti = static_cast<size_t>(t);
      merge = nest.stride[ti].back() == (*strides[ti])[d] * shape[d];
    }
    if (merge) {
      nest.size.back() *= shape[d];
      for (int t = 0; t < N; ++t)
        nest.stride[static_cast<size_t>(t)].back() = (*strides[static_cast<size_t>(t)])[d];
    } else {
      ++nest.rank;
      nest.size.push_back(shape[d]);
      for (int t = 0; t < N; ++t)
        nest.stride[static_cast<size_t>(t)].push_back((*strides[static_cast<size_t>(t)])[d]);
    }
  }
  return nest;
}

/// The offsets of all tensors while the first `outer` dimensions of a nest are counted through from position
/// `start`.
template <int N>
struct Odometer {
  const Nest<N>& nest;
  size_t outer;
  InlineVector<int64_t, 8> index;
  std::array<int64_t, N> offset{};

  Odometer(const Nest<N>& n, int outer_dims, int64_t start)
      : nest(n), outer(static_cast<size_t>(outer_dims > 0 ? outer_dims : 0)), index(outer, 0) {
    for (size_t d = outer; d-- > 0;) {
      index[d] = start % nest.size[d];
      start /= nest.size[d];
      for (size_t t = 0; t < N; ++t) offset[t] += index[d] * nest.stride[t][d];
    }
  }
  void next() {
    for (size_t d = outer; d-- > 0;) {
      for (size_t t = 0; t < N; ++t) offset[t] += nest.stride[t][d];
      if (++index[d] < nest.size[d]) return;
      for (size_t t = 0; t < N; ++t) offset[t] -= nest.stride[t][d] * nest.size[d];
      index[d] = 0;
    }
  }
};

/// Copies and converts between any layouts; `dst` and `src` point at the first element, strides may be
/// negative or (src) 0.
void copy_strided(void* dst, DType dst_dtype, const Strides& dst_strides, const void* src, DType src_dtype,
                  const Strides& src_strides, const Shape& shape);

/// Copies `src` to `dst` of the same shape, converting the dtype.
inline void copy_tensor(const Tensor& dst, const Tensor& src) {
  copy_strided(dst.raw(), dst.dtype(), dst.strides(), src.raw(), src.dtype(), src.strides(), dst.shape());
}

}  // namespace dlb::backend::cpu
