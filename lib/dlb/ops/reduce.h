#pragma once
/// \file Reductions over dimensions (variances and quantiles: statistics.h; medians: sort.h). An empty `dims`
/// means all. Accumulation: float64 for float64, float32 pairwise in blocks for float32 and below (order
/// fixed: results do not depend on the number of threads), int64 for integers. Shapes: x [*] -> the reduced
/// dimensions removed, or of size 1 with keepdim. Errors: shape for a bad or repeated dim.

#include <utility>

#include "dlb/ops/op.h"

namespace dlb {

inline constexpr bool kKeepDim = true;

Tensor sum(const Tensor& x, Dims dims = {}, bool keepdim = false);   ///< integers and bool give int64
Tensor mean(const Tensor& x, Dims dims = {}, bool keepdim = false);  ///< floating; of nothing: NaN
/// Integers and bool give int64. The gradient is right where elements are zero, to any order.
Tensor prod(const Tensor& x, Dims dims = {}, bool keepdim = false);
Tensor nansum(const Tensor& x, Dims dims = {}, bool keepdim = false);   ///< NaN counts as 0
Tensor nanmean(const Tensor& x, Dims dims = {}, bool keepdim = false);  ///< mean of what is not NaN
/// How many elements are not zero. -> int64.
Tensor count_nonzero(const Tensor& x, Dims dims = {}, bool keepdim = false);
Tensor amax(const Tensor& x, Dims dims = {},
            bool keepdim = false);  ///< NaN wins; gradient shared equally among ties
Tensor amin(const Tensor& x, Dims dims = {}, bool keepdim = false);
Tensor any(const Tensor& x, Dims dims = {}, bool keepdim = false);  ///< -> bool, of uint8: uint8
Tensor all(const Tensor& x, Dims dims = {}, bool keepdim = false);  ///< -> bool, of uint8: uint8
/// Index of the first largest (smallest) element; NaN counts as largest (smallest). -> int64.
Tensor argmax(const Tensor& x, int64_t dim, bool keepdim = false);
Tensor argmin(const Tensor& x, int64_t dim, bool keepdim = false);
/// The same over all elements, as if x were flattened.
Tensor argmax(const Tensor& x);
Tensor argmin(const Tensor& x);
/// Smallest and largest value; gradients as of amin and amax.
std::pair<Tensor, Tensor> aminmax(const Tensor& x, Dims dims = {}, bool keepdim = false);
/// The largest (smallest) value of all; NaN wins. The gradient is shared equally among ties, NaN being equal
/// to NaN.
Tensor max(const Tensor& x);
Tensor min(const Tensor& x);
/// Value and index of the first largest (smallest) element along dim; the gradient goes to that element.
std::pair<Tensor, Tensor> max(const Tensor& x, int64_t dim, bool keepdim = false);
std::pair<Tensor, Tensor> min(const Tensor& x, int64_t dim, bool keepdim = false);
/// `value` [], found among the elements of x: its gradient is shared equally among the elements equal to it.
Tensor shared_value(const Tensor& x, const Tensor& value);
/// log(sum(exp(x))) without overflow; integers are taken as float32.
Tensor logsumexp(const Tensor& x, Dims dims, bool keepdim = false);
/// sqrt(sum(x^2)).
Tensor norm(const Tensor& x, Dims dims = {}, bool keepdim = false);

}  // namespace dlb
