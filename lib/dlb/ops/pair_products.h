#pragma once
/// \file Dot products of all pairs of vectors, as factorisation machines and DLRM use them.

#include "dlb/ops/op.h"

namespace dlb {

struct PairAttrs {
  bool self = false;  ///< each vector's product with itself as well
  static Fields fields();
};

/// y_(i, j) = x_i . x_j for j < i (j <= i with `self`), row by row. Shapes: x [N, n, D] -> [N, n (n - 1) / 2]
/// or [N, n (n + 1) / 2]. Errors: shape, dtype.
Tensor pair_products(const Tensor& x, bool self = false);

namespace op {

const OpDef& pair_products();
/// (g, x) -> gradient of x.
const OpDef& pair_products_grad();

}  // namespace op
}  // namespace dlb
