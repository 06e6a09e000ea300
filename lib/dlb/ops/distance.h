#pragma once
/// \file Distances and p-norms: |x|_p = (sum |x_i|^p)^(1/p); p = 0 counts the elements that are not zero,
/// +-infinity takes the largest (smallest) |x_i|. Where a norm is 0 its gradient is 0, the subgradient of
/// least norm.

#include <string_view>

#include "dlb/ops/op.h"

namespace dlb {

/// p-norm over dims (all if empty), any p. Shapes: reduced dimensions removed, or of size 1 with keepdim.
Tensor lp_norm(const Tensor& x, double p, Dims dims = {}, bool keepdim = false);
/// lp_norm(a - b, p) over everything. Shapes: a and b broadcast -> [].
Tensor dist(const Tensor& a, const Tensor& b, double p = 2);
/// Slices along dim whose p-norm is above max_norm, scaled down to it. Errors: shape for less than 2
/// dimensions.
Tensor renorm(const Tensor& x, double p, int64_t dim, double max_norm);

/// Whether Euclidean distances are made of a matrix product, which is faster and less exact.
enum class EuclideanByProduct : uint8_t { kIfLarge, kAlways, kNever };
/// p-distances between rows, p >= 0. Shapes: a [*, n, d], b [*, m, d] -> [*, n, m], batch dimensions
/// broadcast. If large: where n or m is above 25.
Tensor cdist(const Tensor& a, const Tensor& b, double p = 2,
             EuclideanByProduct by_product = EuclideanByProduct::kIfLarge);
/// p-distances between the pairs i < j of rows, in lexicographic order. Shapes: [n, d] -> [n (n - 1) / 2].
Tensor pdist(const Tensor& x, double p = 2);

}  // namespace dlb
