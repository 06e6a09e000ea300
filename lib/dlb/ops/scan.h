#pragma once
/// \file Scans: running results along a dimension, and the differences and integrals made of them. A 0-d
/// tensor counts as one element. Long lines are cut into blocks by their length alone, so results do not
/// depend on the number of threads. Shapes: x [*] -> [*]. Errors: shape for a bad dim.

#include <utility>

#include "dlb/ops/op.h"

namespace dlb {

inline constexpr bool kReverse = true;  ///< from the last element to the first

Tensor cumsum(const Tensor& x, int64_t dim, bool reverse = false);  ///< integers and bool give int64
/// Integers and bool give int64. The gradient is right where elements are zero, to any order.
Tensor cumprod(const Tensor& x, int64_t dim, bool reverse = false);
/// log(sum_{j <= i} exp(x_j)) without overflow; floating.
Tensor logcumsumexp(const Tensor& x, int64_t dim);
/// Running largest value and its index, the last among ties; NaN wins from where it stands.
std::pair<Tensor, Tensor> cummax(const Tensor& x, int64_t dim);
std::pair<Tensor, Tensor> cummin(const Tensor& x, int64_t dim);
/// y_i = a_i y_{i-1} + b_i with y_{-1} = 0 (in reverse: y_{i+1}); a and b have one shape and floating dtype.
Tensor linear_recurrence(const Tensor& a, const Tensor& b, int64_t dim, bool reverse = false);

/// x_{i+1} - x_i, n times over, with `prepend` and `append` (may be undefined) joined to x before; xor for
/// bool. Shapes: dim shrinks by n, at least to 0.
Tensor diff(const Tensor& x, int64_t n = 1, int64_t dim = -1, const Tensor& prepend = {},
            const Tensor& append = {});
/// Integral along dim by the trapezoid rule with spacing dx; integers are taken as float32. Shapes: dim
/// removed.
Tensor trapezoid(const Tensor& y, double dx = 1, int64_t dim = -1);
/// At the points x: of one dimension, or broadcast with y.
Tensor trapezoid(const Tensor& y, const Tensor& x, int64_t dim = -1);
/// Integrals up to each point. Shapes: dim shrinks by 1.
Tensor cumulative_trapezoid(const Tensor& y, double dx = 1, int64_t dim = -1);
Tensor cumulative_trapezoid(const Tensor& y, const Tensor& x, int64_t dim = -1);

}  // namespace dlb
