#pragma once
/// \file Products of vectors and matrices beside matmul(): each is made of it. Floating dtypes (kron, outer,
/// trace and cov of any numeric dtype). Errors: shape where sizes do not fit.

#include <optional>
#include <utility>

#include "dlb/ops/op.h"

namespace dlb {

Tensor mm(const Tensor& a, const Tensor& b);   ///< [n, k] x [k, m] -> [n, m]
Tensor bmm(const Tensor& a, const Tensor& b);  ///< [b, n, k] x [b, k, m] -> [b, n, m]
Tensor mv(const Tensor& a, const Tensor& x);   ///< [n, k] x [k] -> [n]
Tensor dot(const Tensor& x, const Tensor& y);  ///< [k] x [k] -> []

/// beta c + alpha (product of a and b); c broadcasts to the product, and is not looked at when beta is 0.
Tensor addmm(const Tensor& c, const Tensor& a, const Tensor& b, double beta = 1, double alpha = 1);
Tensor addmv(const Tensor& c, const Tensor& a, const Tensor& x, double beta = 1, double alpha = 1);
Tensor addr(const Tensor& c, const Tensor& x, const Tensor& y, double beta = 1, double alpha = 1);  ///< outer
Tensor baddbmm(const Tensor& c, const Tensor& a, const Tensor& b, double beta = 1, double alpha = 1);
/// The products of the batch are summed.
Tensor addbmm(const Tensor& c, const Tensor& a, const Tensor& b, double beta = 1, double alpha = 1);

Tensor outer(const Tensor& x, const Tensor& y);  ///< [n] x [m] -> [n, m]
/// Over the last dimensions. Shapes: [*a, k] x [*b, k] -> [*a, *b]; a 0-d input multiplies.
Tensor inner(const Tensor& a, const Tensor& b);
/// Over pairs of dimensions of one size (or 1, which broadcasts). Shapes: -> the other dimensions of a, then
/// those of b.
Tensor tensordot(const Tensor& a, const Tensor& b, Dims a_dims, Dims b_dims);
Tensor tensordot(const Tensor& a, const Tensor& b, int64_t dims = 2);  ///< the last of a with the first of b
/// Kronecker's product; dimensions in front are added to the shorter shape.
Tensor kron(const Tensor& a, const Tensor& b);
/// The sum of the diagonal. Shapes: [n, m] -> [].
Tensor trace(const Tensor& a);

}  // namespace dlb
