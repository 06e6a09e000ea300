#pragma once
/// \file Triangles and diagonals of matrices, the last two dimensions of a tensor; what decompositions and
/// their gradients are written with. All differentiable.

#include "dlb/ops/op.h"

namespace dlb::matrix {

/// The transposed matrices: a view.
Tensor transposed(const Tensor& a);
/// Entries with column - row <= offset, 0 elsewhere. Shapes: [*, n, m] -> [*, n, m].
Tensor lower(const Tensor& a, int64_t offset = 0);
/// Entries with column - row >= offset, 0 elsewhere.
Tensor upper(const Tensor& a, int64_t offset = 0);
/// Shapes: [*, n, m] -> [*, min(n, m)].
Tensor diagonal(const Tensor& a);
/// Shapes: [*, n] -> [*, n, n], 0 beside the diagonal.
Tensor diagonal_matrix(const Tensor& d);
/// Ones on the diagonal, of the dtype and on the device of `like`. Shapes: -> [n, n].
Tensor identity(int64_t n, const Tensor& like);
/// The same matrices with batch dimensions expanded to `batch`: a view.
Tensor expand_batch(const Tensor& a, const Shape& batch);
/// All dimensions but the last two.
Shape batch_of(const Shape& shape);

}  // namespace dlb::matrix
