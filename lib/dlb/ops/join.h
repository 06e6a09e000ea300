#pragma once
/// \file Joining tensors. dtypes promote. Errors: shape where sizes differ.

#include <vector>

#include "dlb/ops/op.h"

namespace dlb {

using Tensors = std::vector<Tensor>;

/// Along an existing dimension; empty tensors of shape [0] are left out.
Tensor cat(const Tensors& parts, int64_t dim);
/// Along a new dimension.
Tensor stack(const Tensors& parts, int64_t dim);
Tensor hstack(const Tensors& parts);        ///< along dim 1, vectors along dim 0
Tensor vstack(const Tensors& parts);        ///< rows, of at least two dimensions
Tensor dstack(const Tensors& parts);        ///< along dim 2, of at least three dimensions
Tensor column_stack(const Tensors& parts);  ///< vectors become columns

/// Matrices (vectors count as one row) along the diagonal, zeros elsewhere.
Tensor block_diag(const Tensors& parts);
/// All tuples with one element of each vector. Shapes: [n_0], ..., [n_k] -> [n_0 ... n_k, k + 1]; one vector
/// stays.
Tensor cartesian_prod(const Tensors& parts);
/// All r-tuples of a vector's elements in their order. Shapes: [n] -> [count, r].
Tensor combinations(const Tensor& x, int64_t r = 2, bool with_replacement = false);
/// Coordinates of a grid: output i varies along dimension i with the values of vector i. With `xy` the first
/// two dimensions are exchanged.
Tensors meshgrid(const Tensors& parts, bool xy = false);

}  // namespace dlb
