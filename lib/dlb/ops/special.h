#pragma once
/// \file Special functions. Shapes: of one tensor [*] -> [*]; of two, broadcast. Integers and bool give
/// float32 unless noted. Accuracy: about 1e-13 in float64, the rounding of that in other dtypes (see
/// special_math.h for sources).

#include <optional>

#include "dlb/ops/op.h"

namespace dlb {

Tensor lgamma(const Tensor& x);   ///< ln |Gamma(x)|
Tensor digamma(const Tensor& x);  ///< its derivative
Tensor polygamma(int64_t n,
                 const Tensor& x);  ///< the n-th derivative of digamma. Errors: unsupported for n < 0
/// ln of the multivariate gamma function: p (p - 1) / 4 ln pi + sum over j < p of lgamma(x - j / 2).
Tensor mvlgamma(const Tensor& x, int64_t p);
/// Regularised lower and upper incomplete gamma function; floating dtypes. Differentiable in x only.
Tensor igamma(const Tensor& a, const Tensor& x);
Tensor igammac(const Tensor& a, const Tensor& x);
/// Hurwitz's zeta function: sum over k >= 0 of (q + k)^-s. Differentiable in q only.
Tensor zeta(const Tensor& s, const Tensor& q);

Tensor erfinv(const Tensor& x);    ///< inverse of erf
Tensor erfcx(const Tensor& x);     ///< exp(x^2) erfc(x)
Tensor ndtr(const Tensor& x);      ///< normal distribution function
Tensor ndtri(const Tensor& x);     ///< its inverse
Tensor log_ndtr(const Tensor& x);  ///< its logarithm, accurate far below 0
Tensor i0(const Tensor& x);        ///< modified Bessel function of order 0
Tensor i0e(const Tensor& x);       ///< exp(-|x|) i0(x)
Tensor i1(const Tensor& x);
Tensor i1e(const Tensor& x);
Tensor entr(const Tensor& x);                                             ///< -x ln x; -infinity below 0
Tensor sinc(const Tensor& x);                                             ///< sin(pi x) / (pi x)
Tensor logit(const Tensor& x, std::optional<double> eps = std::nullopt);  ///< ln(x / (1 - x)), x limited to
                                                                          ///< [eps, 1 - eps]
Tensor xlogy(const Tensor& a, const Tensor& b);                           ///< a ln b, 0 where a is 0
Tensor xlog1py(const Tensor& a, const Tensor& b);                         ///< a ln(1 + b), 0 where a is 0
Tensor logaddexp(const Tensor& a, const Tensor& b);   ///< ln(e^a + e^b); floating dtypes, as logaddexp2
Tensor logaddexp2(const Tensor& a, const Tensor& b);  ///< log2(2^a + 2^b)

}  // namespace dlb
