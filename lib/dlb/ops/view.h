#pragma once
/// \file Views: other shapes of the same memory. None of these copies, but for reshape, flatten and unflatten
/// where the strides leave no other way. Dimensions may be negative, counted from the end. Errors: shape.

#include <optional>
#include <vector>

#include "dlb/ops/op.h"

namespace dlb {

/// Same elements, row-major order, new shape; one size may be -1. A view where strides allow, a copy
/// otherwise.
Tensor reshape(const Tensor& x, Shape shape);
/// As reshape, but an error where it would copy.
Tensor view(const Tensor& x, Shape shape);
Tensor flatten(const Tensor& x, int64_t start = 0, int64_t end = -1);
/// Dimension `dim` becomes `sizes`, of which one may be -1.
Tensor unflatten(const Tensor& x, int64_t dim, const Shape& sizes);

Tensor permute(const Tensor& x, Dims order);
Tensor transpose(const Tensor& x, int64_t a, int64_t b);
/// A matrix transposed; fewer dimensions stay.
Tensor matrix_transpose(const Tensor& x);
/// Dimension source[i] moves to destination[i]; the others keep their order.
Tensor movedim(const Tensor& x, const Dims& source, const Dims& destination);

Tensor expand(const Tensor& x, Shape shape);     ///< -1 keeps a size
Tensor unsqueeze(const Tensor& x, int64_t dim);  ///< a new dimension of size 1
Tensor squeeze(const Tensor& x, int64_t dim);    ///< a size other than 1 is left
Tensor squeeze_dims(const Tensor& x, const Dims& dims);
Tensor squeeze_all(const Tensor& x);
/// At least `rank` dimensions, up to 3: [n] becomes [1, n] and [1, n, 1], [m, n] becomes [m, n, 1].
Tensor atleast_nd(const Tensor& x, int rank);

/// Elements start, start + step, ... below end along dim; negative start/end count from the end, out of range
/// is clipped.
Tensor slice(const Tensor& x, int64_t dim, int64_t start, int64_t end, int64_t step = 1);
Tensor narrow(const Tensor& x, int64_t dim, int64_t start, int64_t length);  ///< must be in range
Tensor select(const Tensor& x, int64_t dim, int64_t index);                  ///< without that dimension
/// Parts of `size`, the last one what is left.
std::vector<Tensor> split(const Tensor& x, int64_t size, int64_t dim);
/// Parts of these sizes, which add up to that of dim.
std::vector<Tensor> split_sizes(const Tensor& x, const Dims& sizes, int64_t dim);
/// At most `count` parts of one size but for the last.
std::vector<Tensor> chunk(const Tensor& x, int64_t count, int64_t dim);
/// `count` parts whose sizes differ by at most 1, larger ones first.
std::vector<Tensor> tensor_split(const Tensor& x, int64_t count, int64_t dim);
/// The parts [0, at[0]), [at[0], at[1]), ..., each bound clipped as in slice.
std::vector<Tensor> tensor_split_at(const Tensor& x, const Dims& at, int64_t dim);
/// All selections along dim.
std::vector<Tensor> unbind(const Tensor& x, int64_t dim);

/// Elements with index[dim2] - index[dim1] = offset. Shapes: [*, n, m] -> [*, length].
Tensor diagonal(const Tensor& x, int64_t offset = 0, int64_t dim1 = 0, int64_t dim2 = 1);
/// Windows of `size`, `step` apart, along dim; the last dimension runs within a window. Windows overlap for
/// step < size. Shapes: [*, n, *] -> [*, (n - size) / step + 1, *, size].
Tensor unfold_dim(const Tensor& x, int64_t dim, int64_t size, int64_t step);
/// Element i is at storage element offset + i . stride; by default offset is that of x. Errors: shape where
/// that leaves the storage; unsupported for the gradient where elements of x share memory.
Tensor as_strided(const Tensor& x, const Shape& size, const Strides& stride,
                  std::optional<int64_t> offset = {});

/// Zeros of `shape` with g added, element i at row-major position offset + i . strides: the gradient of views
/// that skip or overlap.
Tensor strided_sum(const Tensor& g, const Shape& shape, const Strides& strides, int64_t offset);

}  // namespace dlb
