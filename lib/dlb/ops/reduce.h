#pragma once
/// \file Reductions over dimensions. An empty `dims` means all. Accumulation: float64 for float64, float32
/// pairwise in blocks for float32 and below (order fixed: results do not depend on the number of threads),
/// int64 for integers. Shapes: x [*] -> the reduced dimensions removed, or of size 1 with keepdim. Errors:
/// shape for a bad or repeated dim.

#include "dlb/ops/op.h"

namespace dlb {

inline constexpr bool kKeepDim = true;

Tensor sum(const Tensor& x, Dims dims = {}, bool keepdim = false);   ///< integers and bool give int64
Tensor mean(const Tensor& x, Dims dims = {}, bool keepdim = false);  ///< floating; of nothing: NaN
Tensor prod(const Tensor& x, Dims dims = {}, bool keepdim = false);
/// Variance with `correction` degrees of freedom removed (1 = sample variance, 0 = population).
Tensor var(const Tensor& x, Dims dims = {}, double correction = 1, bool keepdim = false);
Tensor amax(const Tensor& x, Dims dims = {},
            bool keepdim = false);  ///< NaN wins; gradient shared equally among ties
Tensor amin(const Tensor& x, Dims dims = {}, bool keepdim = false);
Tensor any(const Tensor& x, Dims dims = {}, bool keepdim = false);  ///< -> bool
Tensor all(const Tensor& x, Dims dims = {}, bool keepdim = false);  ///< -> bool
/// Index of the first largest (smallest) element; NaN counts as largest (smallest). -> int64.
Tensor argmax(const Tensor& x, int64_t dim, bool keepdim = false);
Tensor argmin(const Tensor& x, int64_t dim, bool keepdim = false);
/// log(sum(exp(x))) without overflow.
Tensor logsumexp(const Tensor& x, Dims dims, bool keepdim = false);
/// sqrt(sum(x^2)).
Tensor norm(const Tensor& x, Dims dims = {}, bool keepdim = false);

}  // namespace dlb
