#pragma once
/// \file Views and rearrangements. Views share memory; `contiguous`, `cat`, `stack`, `pad`, `flip` copy.

#include <vector>

#include "dlb/ops/op.h"

namespace dlb {

/// Same elements, row-major order, new shape; one size may be -1. A view where strides allow, a copy
/// otherwise.
Tensor reshape(const Tensor& x, Shape shape);
Tensor flatten(const Tensor& x, int64_t start = 0, int64_t end = -1);
Tensor permute(const Tensor& x, Dims order);              ///< view
Tensor transpose(const Tensor& x, int64_t a, int64_t b);  ///< view
Tensor expand(const Tensor& x, Shape shape);              ///< view; -1 keeps a size
Tensor unsqueeze(const Tensor& x, int64_t dim);           ///< view
Tensor squeeze(const Tensor& x, int64_t dim);             ///< view; a size other than 1 is left
/// Elements start, start + step, ... below end along dim; negative start/end count from the end, out of range
/// is clipped. View.
Tensor slice(const Tensor& x, int64_t dim, int64_t start, int64_t end, int64_t step = 1);
Tensor narrow(const Tensor& x, int64_t dim, int64_t start, int64_t length);  ///< view; must be in range
Tensor select(const Tensor& x, int64_t dim, int64_t index);                  ///< view without that dimension
std::vector<Tensor> split(const Tensor& x, int64_t size, int64_t dim);
std::vector<Tensor> chunk(const Tensor& x, int64_t count, int64_t dim);

enum class Layout : int64_t { kRowMajor, kChannelsLast };
/// `x` itself when it has the layout, else a copy in it.
Tensor contiguous(const Tensor& x, Layout layout = Layout::kRowMajor);

Tensor cat(const std::vector<Tensor>& parts, int64_t dim);  ///< dtypes promote
Tensor stack(const std::vector<Tensor>& parts, int64_t dim);
/// Zeros (or `value`) around: pairs (before, after) from the last dimension backwards, as in PyTorch;
/// negative crops.
Tensor pad(const Tensor& x, Dims amounts, double value = 0);
Tensor flip(const Tensor& x, Dims dims);
/// The gradient of slice: zeros of `shape` with `g` written at the slice.
Tensor slice_scatter(const Tensor& g, const Shape& shape, int64_t dim, int64_t start, int64_t step);

}  // namespace dlb
