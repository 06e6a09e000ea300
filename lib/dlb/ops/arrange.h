#pragma once
/// \file Copies in another arrangement: memory order, order of elements, repetitions, triangles, parts
/// replaced. Dimensions may be negative. Errors: shape.

#include <optional>

#include "dlb/ops/op.h"

namespace dlb {

enum class Layout : int64_t { kRowMajor, kChannelsLast };
/// `x` itself when it has the layout, else a copy in it.
Tensor contiguous(const Tensor& x, Layout layout = Layout::kRowMajor);

Tensor flip(const Tensor& x, Dims dims);
/// Elements move on by shifts[i] along dims[i] and come back at the other end; without dims, x is rolled as
/// if flattened.
Tensor roll(const Tensor& x, const Dims& shifts, const Dims& dims = {});
/// Rotates by 90 degrees `count` times from the first of two dims towards the second.
Tensor rot90(const Tensor& x, int64_t count = 1, const Dims& dims = {0, 1});

/// x repeats[i] times along each dimension; new dimensions stand in front.
Tensor repeat(const Tensor& x, const Dims& repeats);
/// As repeat, with repeats filled up by ones in front.
Tensor tile(const Tensor& x, const Dims& repeats);
/// Each element (along dim) `repeats` times; without dim, of x flattened.
Tensor repeat_interleave(const Tensor& x, int64_t repeats, std::optional<int64_t> dim = {});
/// Element i repeats[i] times. Shapes: repeats [n] or one element. The result's size is data: give
/// `output_size` where repeats is a meta tensor.
Tensor repeat_interleave(const Tensor& x, const Tensor& repeats, std::optional<int64_t> dim = {},
                         std::optional<int64_t> output_size = {});

Tensor tril(const Tensor& x, int64_t diagonal = 0);  ///< zero above that diagonal. Shapes: [*, n, m]
Tensor triu(const Tensor& x, int64_t diagonal = 0);  ///< zero below that diagonal
/// A vector as the diagonal of a matrix, or the diagonal of a matrix.
Tensor diag(const Tensor& x, int64_t diagonal = 0);
/// The last dimension as diagonals of the dimensions dim1 and dim2 of the result. Shapes: [*, n] -> [*, n +
/// |offset|, n + |offset|].
Tensor diag_embed(const Tensor& x, int64_t offset = 0, int64_t dim1 = -2, int64_t dim2 = -1);

/// x with `src` where select, slice or diagonal would read.
Tensor select_scatter(const Tensor& x, const Tensor& src, int64_t dim, int64_t index);
Tensor slice_scatter(const Tensor& x, const Tensor& src, int64_t dim, std::optional<int64_t> start,
                     std::optional<int64_t> end, int64_t step = 1);
Tensor diagonal_scatter(const Tensor& x, const Tensor& src, int64_t offset = 0, int64_t dim1 = 0,
                        int64_t dim2 = 1);
/// The gradient of slice: zeros of `shape` with `g` written at the slice.
Tensor slice_scatter(const Tensor& g, const Shape& shape, int64_t dim, int64_t start, int64_t step);

/// Shapes: [*, C r^2, H, W] -> [*, C, H r, W r].
Tensor pixel_shuffle(const Tensor& x, int64_t factor);
/// Shapes: [*, C, H r, W r] -> [*, C r^2, H, W].
Tensor pixel_unshuffle(const Tensor& x, int64_t factor);
/// Channel i of group g goes to place i * groups + g. Shapes: [N, C, *] -> the same.
Tensor channel_shuffle(const Tensor& x, int64_t groups);

}  // namespace dlb
