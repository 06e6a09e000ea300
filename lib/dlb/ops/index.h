#pragma once
/// \file Reading by index. Index tensors are int64 (or int32). Errors: shape; data, naming the first bad
/// index, when out of range.

#include <optional>
#include <vector>

#include "dlb/ops/op.h"
#include "dlb/ops/scatter.h"

namespace dlb {

/// out[i][j] = x[i][index[i][j]] along dim. Shapes: x, index of the same rank -> index's.
Tensor gather(const Tensor& x, int64_t dim, const Tensor& index);
/// gather with all other dimensions broadcast; without dim, of x flattened by index flattened.
Tensor take_along_dim(const Tensor& x, const Tensor& index, std::optional<int64_t> dim = {});
/// Elements of x flattened; negative indices count from the end. Shapes: index [*] -> [*].
Tensor take(const Tensor& x, const Tensor& index);
/// Rows of x along dim. Shapes: index [K] or [] -> dim replaced by K.
Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index);
/// Shapes: index [*] -> [*, classes]; classes = -1 takes the largest index + 1.
Tensor one_hot(const Tensor& index, int64_t classes, DType dtype = DType::kFloat32);

/// Entries of an index expression, one for each dimension of x from the first: an index tensor, a bool (or
/// uint8) mask over as many dimensions as it has, or none for all of the dimension.
using IndexList = std::vector<std::optional<Tensor>>;
/// x[indices]: index tensors are broadcast together and negative ones count from the end. Their common shape
/// stands where the indexed dimensions were if those are neighbours, in front otherwise.
Tensor index(const Tensor& x, const IndexList& indices);
/// x with `values`, broadcast to the shape of x[indices], written there in order, or added.
Tensor index_put(const Tensor& x, const IndexList& indices, const Tensor& values, bool accumulate = false);
/// Position of (indices[0][i], indices[1][i], ...) in a row-major tensor of `sizes`; negative indices count
/// from the end. Shapes: indices [*], all the same -> int64 [*].
Tensor flat_index(const std::vector<Tensor>& indices, const Shape& sizes);

/// Positions of elements other than 0, in order. Shapes: x [*] -> int64 [count, rank]. Unsupported on meta
/// tensors: the count is data.
Tensor nonzero(const Tensor& x);
/// Elements of x where mask holds, in order; both broadcast. Shapes: -> [count]. Unsupported on meta tensors.
Tensor masked_select(const Tensor& x, const Tensor& mask);
/// x with the next element of source (flattened) wherever mask holds; x and mask broadcast. Errors: data when
/// source has too few.
Tensor masked_scatter(const Tensor& x, const Tensor& mask, const Tensor& source);

}  // namespace dlb
