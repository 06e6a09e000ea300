#pragma once
/// \file Inputs in the memory order that a kernel wants.

#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb::backend::cpu {

/// The public functions hand over the layout that the kernel wants; this copies only for callers of apply()
/// that do not.
inline Tensor in_layout(const Tensor& x, Layout layout) {
  const bool has_it = layout == Layout::kRowMajor || x.rank() < 3 ? x.is_contiguous() : x.is_channels_last();
  if (has_it) return x;
  const NoGrad guard;
  return contiguous(x, layout);
}
inline Tensor row_major(const Tensor& x) { return in_layout(x, Layout::kRowMajor); }
inline Tensor channels_last(const Tensor& x) { return in_layout(x, Layout::kChannelsLast); }

/// A converted row-major copy.
inline Tensor as_dtype(const Tensor& x, DType dtype) {
  const NoGrad guard;
  return x.dtype() == dtype ? x : cast(x, dtype);
}

}  // namespace dlb::backend::cpu
