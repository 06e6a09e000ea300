#pragma once
/// \file Row-sparse gradients: of a table [V, *] of which a step reads K rows, only those rows are kept.
///
/// Such a tensor has the table's shape and dtype but no memory of its own; operators refuse it (unsupported).
/// The backward pass adds it to a leaf's gradient and optimizers read its rows, both in time proportional to
/// K.

#include "dlb/tensor/tensor.h"

namespace dlb {

struct RowSparse final : RefCounted {
  Tensor indices;          ///< int64 [K], row-major, each in [0, V)
  Tensor rows;             ///< [K, *], row-major
  bool coalesced = false;  ///< indices ascend and none is there twice
};

/// The gradient that is the sum of rows[k] at indices[k], zero elsewhere. Shapes: indices [K], rows [K, *] ->
/// [V, *] = shape. Both are row-major; indices in range (internal error otherwise).
Tensor make_row_sparse(Shape shape, Tensor indices, Tensor rows);
/// The rows of a tensor for which is_row_sparse() holds.
const RowSparse& row_sparse(const Tensor& t);

/// The same gradient with ascending indices, none twice: rows of one index add up in the order in which they
/// stand, whatever the number of threads.
Tensor coalesce(const Tensor& t);
/// a + b, of which at least one is row-sparse: two row-sparse ones are joined, with a dense one the result is
/// dense.
Tensor add_row_sparse(const Tensor& a, const Tensor& b);
/// The same gradient with zeros spelled out.
Tensor to_dense(const Tensor& t);

}  // namespace dlb
