#pragma once
/// \file Writing by index. Indices are int64 (or int32) and not negative unless noted; writes and additions
/// happen in the order of the index, whatever the number of threads. Errors: shape; data, naming the first
/// bad index, when out of range.

#include "dlb/ops/op.h"

namespace dlb {

/// x with out[i][j] = src where i, j is replaced by index[i][j] along dim (dim 0: out[index[i][j]][j] =
/// src[i][j]); of repeated indices the last wins. Shapes: index of x's rank, at most of src's sizes, and of
/// x's but along dim. The gradient of src counts all writes.
Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src);
/// The same with src added; repeated indices add up.
Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src);

/// x with alpha * src's rows added at index along dim. Shapes: index [K], src as x but K along dim.
Tensor index_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src, double alpha = 1);
/// x with src's rows written at index along dim.
Tensor index_copy(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src);
/// x with the rows at index (negative ones count from the end) filled with a number, of shape [].
Tensor index_fill(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& value);

namespace detail {
/// What operators that write along a dimension check: index type, rank and sizes. 0-d tensors count as
/// vectors of one element.
size_t indexed_dim(const Infer& c, int64_t dim);
void check_index_dtype(const Infer& c, int i);
void check_elementwise_index(const Infer& c, int64_t dim);
}  // namespace detail

}  // namespace dlb
