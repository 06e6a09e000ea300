#pragma once
/// \file Sparse matrices in compressed rows: the entries of row i are col[crow[i]] to col[crow[i + 1]]
/// (exclusive) and their values. Columns of a row may be in any order and repeat: repeated entries add up.
/// Indices are int64. Errors: shape, when indices are not such rows, naming the first bad one.

#include <array>

#include "dlb/ops/op.h"

namespace dlb {

/// Sparse matrix times dense matrix. Shapes: crow [n + 1], col [e], values [e], dense [m, k] (or [m]) -> [n,
/// k] (or [n]). Gradients for values and dense. Sums run in the order of the entries: the same bits for any
/// number of threads.
Tensor spmm(const Tensor& crow, const Tensor& col, const Tensor& values, const Tensor& dense);

/// For each entry (i, j): the dot product of row i of a and row j of b. Shapes: a [n, k], b [m, k] -> [e].
Tensor sampled_dot(const Tensor& crow, const Tensor& col, const Tensor& a, const Tensor& b);

struct Csr {
  Tensor crow, col, values;
};
/// The same matrix from a list of entries in any order. Shapes: row, col, values [e].
Csr coo_to_csr(const Tensor& row, const Tensor& col, const Tensor& values, int64_t rows, int64_t cols);
/// The transposed of a matrix of `cols` columns.
Csr csr_transpose(const Tensor& crow, const Tensor& col, const Tensor& values, int64_t cols);
/// Shapes: -> [n, cols].
Tensor csr_to_dense(const Tensor& crow, const Tensor& col, const Tensor& values, int64_t cols);

}  // namespace dlb
