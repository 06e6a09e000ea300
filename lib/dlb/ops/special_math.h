#pragma once
/// \file Special functions of one number in float64, behind the operators of special.h on every backend.
///
/// Relative errors are below 1e-13 where the function is not near a zero; arguments outside of the domain
/// give NaN, poles infinity.
///
/// **Source**: M. Abramowitz and I. Stegun, Handbook of Mathematical Functions (formula numbers below);
/// N. Temme, The asymptotic expansion of the incomplete gamma functions, 1979.

namespace dlb::special_math {

double lgamma(double x);  ///< ln |Gamma(x)|
/// d/dx ln Gamma(x): recurrence and 6.3.18; reflection 6.3.7 below 0.
double digamma(double x);
/// Hurwitz zeta: sum over k >= 0 of (q + k)^-s for s > 1, by Euler and Maclaurin's formula 23.1.30. At q <= 0
/// the whole numbers are poles, and s must be whole.
double zeta(double s, double q);
/// The n-th derivative of digamma, 6.4.10.
double polygamma(int n, double x);

/// Regularised incomplete gamma functions P(a, x) and Q(a, x) = 1 - P for a, x >= 0: series 6.5.29, continued
/// fraction 6.5.31, Temme's expansion for large a.
double igamma(double a, double x);
double igammac(double a, double x);

/// x with erf(x) = y: Halley's method from 26.2.23.
double erfinv(double y);
/// exp(x^2) erfc(x): 7.1.23 for large x.
double erfcx(double x);
/// Quantile of the normal distribution.
double ndtri(double p);
/// ln of the normal distribution function.
double log_ndtr(double x);

/// Modified Bessel functions of the first kind: series 9.6.10 and asymptotic expansion 9.7.1. The ones ending
/// in e are scaled by exp(-|x|).
double i0(double x);
double i0e(double x);
double i1(double x);
double i1e(double x);

}  // namespace dlb::special_math
