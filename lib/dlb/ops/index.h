#pragma once
/// \file Reading and writing by index. Index tensors are int64 (or int32). Errors: data, naming the first bad
/// index, when out of range.

#include "dlb/ops/op.h"

namespace dlb {

/// out[i][j] = x[i][index[i][j]] along dim. Shapes: x, index of the same rank -> index's.
Tensor gather(const Tensor& x, int64_t dim, const Tensor& index);
/// x with src added at index along dim; repeated indices add up in a fixed order.
Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src);
/// Rows of x along dim. Shapes: index [K] -> dim replaced by K.
Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index);
/// x with src's rows added at index along dim.
Tensor index_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src);
/// Shapes: index [*] -> [*, classes].
Tensor one_hot(const Tensor& index, int64_t classes, DType dtype = DType::kFloat32);

}  // namespace dlb
