#include "dlb/ops/special_math.h"

#include <cmath>
#include <limits>
#include <numbers>

namespace dlb::special_math {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
constexpr double kPi = std::numbers::pi;

/// B_2k / (2k)!, k = 1, 2, ...
constexpr double kBernoulli[] = {8.3333333333333333e-2,   -1.3888888888888889e-3,  3.3068783068783069e-5,
                                 -8.2671957671957672e-7,  2.0876756987868099e-8,   -5.2841901386874932e-10,
                                 1.3382536530684679e-11,  -3.3896802963225829e-13, 8.5860620562778446e-15,
                                 -2.1748686985580618e-16, 5.5090028283602295e-18,  -1.3954464685812523e-19};

/// sum over k >= 0 of (q + k)^-s for q > 0: ten terms, then Euler and Maclaurin's correction.
double zeta_positive(double s, double q) {
  double sum = 0;
  double a = q;
  for (int i = 0; i < 10; ++i, a += 1) {
    const double term = std::pow(a, -s);
    sum += term;
    // What follows a term is less than the integral from it on.
    if (term * (1 + a / (s - 1)) < kEpsilon * 1e-2 * sum || std::isinf(sum)) return sum;
  }
  const double power = std::pow(a, -s);
  sum += power * (a / (s - 1) + 0.5);
  double factor = s * power / a;
  for (int k = 0; k < 12; ++k) {
    const double term = kBernoulli[k] * factor;
    sum += term;
    if (std::abs(term) < kEpsilon * 1e-2 * sum) break;
    const double j = 2 * k + 1;
    factor *= (s + j) * (s + j + 1) / (a * a);
  }
  return sum;
}

/// mu - ln(1 + mu) without cancellation.
double log1p_rest(double mu) {
  if (std::abs(mu) > 0.3) return mu - std::log1p(mu);
  double power = mu;
  double sum = 0;
  for (int k = 2; k < 60; ++k) {
    power *= -mu;
    const double term = -power / k;
    sum += term;
    if (std::abs(term) < kEpsilon * 0.1 * std::abs(sum)) break;
  }
  return sum;
}

/// ln Gamma(a + 1) - ((a + 1/2) ln a - a + ln(2 pi) / 2) for large a, 6.1.41.
double stirling_rest(double a) {
  const double z = 1 / (a * a);
  return (1.0 / 12 - z * (1.0 / 360 - z * (1.0 / 1260 - z * (1.0 / 1680 - z * (1.0 / 1188))))) / a;
}

/// x^a e^-x / Gamma(a + 1)
double gamma_density(double a, double x) {
  if (a < 20) return std::exp(a * std::log(x) - x - lgamma(a + 1));
  const double mu = (x - a) / a;
  return std::exp(-a * log1p_rest(mu) - stirling_rest(a)) / std::sqrt(2 * kPi * a);
}

double gamma_series(double a, double x) {  // P
  double sum = 1;
  double term = 1;
  for (double k = a + 1; term > sum * kEpsilon * 0.1; k += 1) {
    term *= x / k;
    sum += term;
  }
  return gamma_density(a, x) * sum;
}

/// Q by Lentz's evaluation of the continued fraction, for x > a and x > 1.
double gamma_fraction(double a, double x) {
  constexpr double kTiny = 1e-300;
  double b = x + 1 - a;
  double c = 1 / kTiny;
  double d = 1 / b;
  double h = d;
  for (int i = 1; i < 100000; ++i) {
    const double an = -i * (i - a);
    b += 2;
    d = an * d + b;
    d = std::abs(d) < kTiny ? 1 / kTiny : 1 / d;
    c = b + an / c;
    if (std::abs(c) < kTiny) c = kTiny;
    h *= d * c;
    if (std::abs(d * c - 1) < kEpsilon) break;
  }
  return gamma_density(a, x) * a * h;
}

/// Q for small x and a, where P is near 1 or Q needs its own digits: 1 - x^a / Gamma(a + 1) (1 + rest).
double gamma_small(double a, double x) {
  const double log_factor = a * std::log(x) - lgamma(a + 1);
  double sum = 0;  // a sum over k >= 1 of (-x)^k / ((a + k) k!)
  double term = 1;
  for (int k = 1; k < 200; ++k) {
    term *= -x / k;
    const double part = term / (a + k);
    sum += part;
    if (std::abs(part) < kEpsilon * 0.1 * std::abs(sum)) break;
  }
  sum *= a;
  return -std::expm1(log_factor) - std::exp(log_factor) * sum;
}

/// Temme's uniform expansion, for a so large that two terms suffice.
double gamma_uniform(double a, double x, bool upper) {
  constexpr double kC0[] = {
      -1.0 / 3,        1.0 / 12,    -2.0 / 135,           1.0 / 864,           1.0 / 2835,
      -139.0 / 777600, 1.0 / 25515, -571.0 / 261273600.0, -281.0 / 151559100.0};
  constexpr double kC1[] = {-1.0 / 540, -1.0 / 288, 1.0 / 378, -77.0 / 77760, 1.0 / 4860};
  const double mu = (x - a) / a;
  const double half_square = log1p_rest(mu);  // eta^2 / 2
  const double eta = std::copysign(std::sqrt(2 * half_square), mu);
  const double tail = 0.5 * std::erfc((upper ? eta : -eta) * std::sqrt(a / 2));
  double c0 = 0;
  double power = 1;
  for (const double c : kC0) {
    c0 += c * power;
    power *= eta;
  }
  double c1 = 0;
  power = 1;
  for (const double c : kC1) {
    c1 += c * power;
    power *= eta;
  }
  const double rest = std::exp(-a * half_square) / std::sqrt(2 * kPi * a) * (c0 + c1 / a);
  return upper ? tail + rest : tail - rest;
}

constexpr double kUniform = 1e5;

/// The cases that both incomplete gamma functions share: P(a, x), or a negative number if none applies.
double igamma_corner(double a, double x) {
  if (std::isnan(a) || std::isnan(x) || a < 0 || x < 0) return kNaN;
  if (a == 0) return x > 0 ? 1 : kNaN;
  if (x == 0) return 0;
  if (std::isinf(a)) return std::isinf(x) ? kNaN : 0;
  if (std::isinf(x)) return 1;
  return -1;
}

/// x > 0 with erfc(x) = c for c in (0, 1].
double erfc_inverse(double c) {
  const double t = std::sqrt(-2 * std::log(c / 2));
  double x = (t - (2.515517 + t * (0.802853 + t * 0.010328)) /
                      (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))) /
             std::numbers::sqrt2;
  for (int i = 0; i < 3; ++i) {
    const double u = (c - std::erfc(x)) / (2 * std::numbers::inv_sqrtpi * std::exp(-x * x));
    x -= u / (1 + x * u);
  }
  return x;
}

/// e^-|x| I_order(|x|), order 0 or 1, and the sign of the argument is the caller's.
double bessel_scaled(int order, double x) {
  if (x < 20) {
    const double z = 0.25 * x * x;
    double term = order == 0 ? 1 : 0.5 * x;
    double sum = term;
    for (int k = 1; term > sum * kEpsilon * 0.1; ++k) {
      term *= z / (static_cast<double>(k) * (k + order));
      sum += term;
    }
    return std::exp(-x) * sum;
  }
  const double mu = 4.0 * order;
  double term = 1;
  double sum = 1;
  for (int k = 1; k < 40; ++k) {
    const double odd = 2 * k - 1;
    term *= (odd * odd - mu) / (8 * k * x);
    sum += term;
    if (std::abs(term) < kEpsilon * 0.1) break;
  }
  return sum / std::sqrt(2 * kPi * x);
}

}  // namespace

double lgamma(double x) {
  int sign = 0;  // the standard function writes it to a global variable
  return ::lgamma_r(x, &sign);
}

double digamma(double x) {
  if (x == 0) return std::copysign(kInfinity, -x);
  if (x < 0) {
    if (x == std::floor(x)) return kNaN;
    const double fraction = x - std::trunc(x);
    return digamma(1 - x) - kPi / std::tan(kPi * fraction);
  }
  double sum = 0;
  for (; x < 10; x += 1) sum -= 1 / x;
  if (x == kInfinity) return x;
  const double z = 1 / (x * x);
  double series = 0;
  constexpr double kTerms[] = {1.0 / 12,  -691.0 / 32760, 1.0 / 132, -1.0 / 240,
                               1.0 / 252, -1.0 / 120,     1.0 / 12};
  for (const double c : kTerms) series = series * z + c;
  return sum + (std::log(x) - 0.5 / x - series * z);
}

double zeta(double s, double q) {
  if (s == 1) return kInfinity;
  if (!(s > 1) || std::isnan(q)) return kNaN;
  if (q > 0) return std::isinf(q) ? 0 : zeta_positive(s, q);
  if (q == std::floor(q)) return kInfinity;
  if (s != std::floor(s)) return kNaN;
  // The terms below 0 are, but for the sign, two tails of a series above 0.
  const double fraction = q - std::floor(q);
  const double below = zeta_positive(s, 1 - fraction) - zeta_positive(s, 1 - q);
  return zeta_positive(s, fraction) + (std::fmod(s, 2) == 0 ? below : -below);
}

double polygamma(int n, double x) {
  if (n == 0) return digamma(x);
  const double sign = n % 2 == 0 ? -1 : 1;
  return sign * std::tgamma(n + 1.0) * zeta(n + 1.0, x);
}

double igamma(double a, double x) {
  const double corner = igamma_corner(a, x);
  if (!(corner < 0)) return corner;
  if (a > kUniform && std::abs(x - a) < 0.2 * a) return gamma_uniform(a, x, false);
  return x <= 1 || x <= a ? gamma_series(a, x) : 1 - gamma_fraction(a, x);
}

double igammac(double a, double x) {
  const double corner = igamma_corner(a, x);
  if (!(corner < 0)) return 1 - corner;
  if (a > kUniform && std::abs(x - a) < 0.2 * a) return gamma_uniform(a, x, true);
  if (x <= 1.1 && a <= 1.1) return x > 0.5 && a < 0.5 * x ? gamma_fraction(a, x) : gamma_small(a, x);
  return x <= a ? 1 - gamma_series(a, x) : gamma_fraction(a, x);
}

double erfinv(double y) {
  const double a = std::abs(y);
  if (!(a <= 1)) return kNaN;
  if (a == 1) return y * kInfinity;
  if (a > 0.5) return std::copysign(erfc_inverse(1 - a), y);
  double x = y * (0.5 / std::numbers::inv_sqrtpi) * (1 + y * y * (kPi / 12 + y * y * 0.1282));
  for (int i = 0; i < 3; ++i) {
    const double u = (std::erf(x) - y) / (2 * std::numbers::inv_sqrtpi * std::exp(-x * x));
    x -= u / (1 + x * u);
  }
  return x;
}

double erfcx(double x) {
  if (x < 25) {
    if (x < -26.7) return kInfinity;
    const double square = x * x;
    const double lost = std::fma(x, x, -square);  // the exponential would magnify it
    const double scale = std::exp(square);
    if (x < 0) return scale + scale * lost + scale * (1 + lost) * std::erf(-x);
    return scale * (1 + lost) * std::erfc(x);
  }
  const double z = 0.5 / (x * x);
  double sum = 0;
  for (int k = 8; k > 0; --k) sum = -(2 * k - 1) * z * (1 + sum);
  return std::numbers::inv_sqrtpi / x * (1 + sum);
}

double ndtri(double p) {
  if (!(p >= 0 && p <= 1)) return kNaN;
  if (p == 0) return -kInfinity;
  if (p == 1) return kInfinity;
  if (p < 0.25) return -std::numbers::sqrt2 * erfc_inverse(2 * p);
  if (p > 0.75) return std::numbers::sqrt2 * erfc_inverse(2 * (1 - p));
  return std::numbers::sqrt2 * erfinv(2 * p - 1);
}

double log_ndtr(double x) {
  const double t = x / std::numbers::sqrt2;
  if (x < -1) return std::log(erfcx(-t) / 2) - t * t;
  return std::log1p(-std::erfc(t) / 2);
}

double i0e(double x) { return bessel_scaled(0, std::abs(x)); }
double i0(double x) { return std::exp(std::abs(x)) * i0e(x); }
double i1e(double x) { return std::copysign(1.0, x) * bessel_scaled(1, std::abs(x)); }
double i1(double x) { return std::exp(std::abs(x)) * i1e(x); }

}  // namespace dlb::special_math
