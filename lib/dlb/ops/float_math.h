#pragma once
/// \file Elementary functions of float32 without branches, so that a loop over them vectorises for any
/// instruction set.
///
/// Each value depends on nothing but its argument: the same bits in a vector's body and tail, on any
/// processor (products are fused with sums exactly where fma() says so; processors without that instruction,
/// older than AVX2, compute it slowly). Errors are the largest found over all finite arguments, in units in
/// the last place (ulp).
///
/// **Source**: range reductions and most polynomials from Cephes (S. Moshier); erf after N. Juffa; the
/// polynomial of exp and the quotient of phi are minimax fits of our own.

#include <bit>
#include <cstdint>
#include <limits>

#include "dlb/base/inline.h"

/// Before a loop: its rounds do not depend on each other through memory, so they may run side by side.
#if defined(__clang__)
#define DLB_IVDEP  // clang's own pragma warns where it does not vectorise, as without optimisation
#else
#define DLB_IVDEP _Pragma("GCC ivdep")
#endif

namespace dlb::float_math {

inline constexpr float kInfinity = std::numeric_limits<float>::infinity();
inline constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

DLB_INLINE float abs(float x) { return std::bit_cast<float>(std::bit_cast<uint32_t>(x) & 0x7fffffffU); }
DLB_INLINE float copysign(float magnitude, float sign) {
  return std::bit_cast<float>((std::bit_cast<uint32_t>(magnitude) & 0x7fffffffU) |
                              (std::bit_cast<uint32_t>(sign) & 0x80000000U));
}
/// a b + c, rounded once.
DLB_INLINE float fma(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
DLB_INLINE float exp2i(int32_t n) { return std::bit_cast<float>(static_cast<uint32_t>(n + 127) << 23); }

/// x = n * ln 2 + r with |r| <= ln 2 / 2, for |x| < 2^20.
struct Reduced {
  float r;
  int32_t n;
};
DLB_INLINE Reduced reduce_ln2(float x) {
  constexpr float kRound = 12582912.0F;  // adding 1.5 * 2^23 leaves the nearest integer in the low bits
  const float t = fma(x, 1.44269504F, kRound);
  const float k = t - kRound;
  return {fma(k, 2.12194440e-4F, fma(k, -0.693359375F, x)),
          static_cast<int32_t>(std::bit_cast<uint32_t>(t) - 0x4B400000U)};
}
/// exp(r) - 1 for |r| <= ln 2 / 2.
DLB_INLINE float small_expm1(float r) {
  float p = 1.3814538e-3F;
  p = fma(p, r, 8.368745e-3F);
  p = fma(p, r, 4.166839e-2F);
  p = fma(p, r, 1.6666521e-1F);
  p = fma(p, r, 4.9999994e-1F);
  return fma(p, r * r, r);
}

/// e^x. Error: 1.1 ulp.
DLB_INLINE float exp(float x) {
  float c = x < -104.0F ? -104.0F : x;  // below and above, the result is 0 and infinity anyway; NaN passes
  c = c > 89.0F ? 89.0F : c;
  const auto [r, n] = reduce_ln2(c);
  const float e = small_expm1(r);
  const int32_t half = n >> 1;  // two factors: 2^n itself may be subnormal or out of range
  const float s = exp2i(half);
  return fma(e, s, s) * exp2i(n - half);
}

/// e^x for x <= 0, with 0 in place of subnormal results. Error: 1.1 ulp.
DLB_INLINE float exp_negative(float x) {
  constexpr float kRound = 12582912.0F;
  const float t = fma(x, 1.44269504F, kRound);
  const float k = t - kRound;
  const float r = fma(k, 2.12194440e-4F, fma(k, -0.693359375F, x));
  // The low bits of t are k: shifted, they make 2^k.
  const float s = std::bit_cast<float>((std::bit_cast<uint32_t>(t) << 23) + 0x3f800000U);
  const float y = fma(small_expm1(r), s, s);
  return x < -87.0F ? 0.0F : y;
}

/// 2^x. Error: 1.1 ulp; exact for whole numbers.
DLB_INLINE float exp2(float x) {
  constexpr float kRound = 12582912.0F;
  float c = x < -151.0F ? -151.0F : x;
  c = c > 129.0F ? 129.0F : c;
  const float t = c + kRound;
  const float r = (c - (t - kRound)) * 0.693147181F;
  const int32_t n = static_cast<int32_t>(std::bit_cast<uint32_t>(t) - 0x4B400000U);
  const float e = small_expm1(r);
  const int32_t half = n >> 1;
  const float s = exp2i(half);
  return fma(e, s, s) * exp2i(n - half);
}

/// e^x - 1. Error: 1.6 ulp.
DLB_INLINE float expm1(float x) {
  float c = x < -20.0F ? -20.0F : x;
  c = c > 89.0F ? 89.0F : c;
  const auto [r, n] = reduce_ln2(c);
  const float e = small_expm1(r);
  const float s = exp2i(n - 1);
  const float y = 2.0F * (s * e + (s - 0.5F));
  return n == 0 ? (x == 0.0F ? x : e) : y;
}

/// ln x. Error: 0.9 ulp.
DLB_INLINE float log(float x) {
  const bool subnormal = x < std::numeric_limits<float>::min();
  const float scaled = subnormal ? x * 0x1p23F : x;
  const uint32_t bits = std::bit_cast<uint32_t>(scaled) - 0x3f3504f3U;  // mantissa in [sqrt(1/2), sqrt(2))
  const float e = static_cast<float>(static_cast<int32_t>(bits) >> 23) - (subnormal ? 23.0F : 0.0F);
  const float m = std::bit_cast<float>((bits & 0x007fffffU) + 0x3f3504f3U) - 1.0F;
  const float z = m * m;
  float p = 7.0376836292e-2F;
  p = p * m - 1.1514610310e-1F;
  p = p * m + 1.1676998740e-1F;
  p = p * m - 1.2420140846e-1F;
  p = p * m + 1.4249322787e-1F;
  p = p * m - 1.6668057665e-1F;
  p = p * m + 2.0000714765e-1F;
  p = p * m - 2.4999993993e-1F;
  p = p * m + 3.3333331174e-1F;
  const float y = (p * m * z - e * 2.12194440e-4F) - 0.5F * z;
  float result = (m + y) + e * 0.693359375F;
  result = x == 0.0F ? -kInfinity : result;
  result = x < 0.0F ? kNaN : result;
  return x < kInfinity ? result : x;  // infinity and NaN are their own logarithms
}

/// ln(1 + x). Error: 1.8 ulp.
DLB_INLINE float log1p(float x) {
  const float u = 1.0F + x;
  const float lost = (x - (u - 1.0F)) / u;  // what rounding 1 + x dropped
  const float y = log(u) + (u > 0.0F && u < kInfinity ? lost : 0.0F);
  return abs(x) < 0x1p-24F ? x : y;
}

/// Error: 2.5 ulp.
DLB_INLINE float tanh(float x) {
  const float a = abs(x);
  const float e = expm1(2.0F * (a > 10.0F ? 10.0F : a));
  const float y = copysign(e / (e + 2.0F), x);
  return a < 1e-4F ? x : y;
}

/// 1 / (1 + e^-x). Error: 2.5 ulp.
DLB_INLINE float sigmoid(float x) {
  const float e = exp_negative(-abs(x));
  const float d = 1.0F / (1.0F + e);
  return x >= 0.0F ? d : e * d;
}

/// ln(1 + e^x). Error: 2 ulp.
DLB_INLINE float softplus(float x) {
  const float positive = x < 0.0F ? 0.0F : x;
  return positive + log1p(exp(-abs(x)));
}

/// Error: 1.7 ulp.
DLB_INLINE float erf(float x) {
  const float t = abs(x) > 10.0F ? 10.0F : abs(x);
  const float s = t * t;
  float large = fma(-1.72853470e-5F, t, 3.83197126e-4F);
  large = fma(large, s, fma(-3.88396438e-3F, t, 2.42546219e-2F));
  large = fma(large, t, -1.06777877e-1F);
  large = fma(large, t, -6.34846687e-1F);
  large = fma(large, t, -1.28717512e-1F);
  large = fma(large, t, -t);
  large = 1.0F - exp_negative(large);
  float small = -5.96761703e-4F;
  small = fma(small, s, 4.99119423e-3F);
  small = fma(small, s, -2.67681349e-2F);
  small = fma(small, s, 1.12819925e-1F);
  small = fma(small, s, -3.76125336e-1F);
  small = fma(small, s, 1.28379166e-1F);
  small = fma(small, t, t);
  const float y = copysign(t > 0.927734375F ? large : small, x);
  return x == x ? y : x;
}

/// The normal distribution, (1 + erf(x / sqrt 2)) / 2. Error: 1.5e-7 absolute; 0 and 1 beyond 5.5.
DLB_INLINE float phi(float x) {
  float c = x < -5.5F ? -5.5F : x;
  c = c > 5.5F ? 5.5F : c;
  const float s = c * c;
  float p = 2.2748896e-8F;
  p = fma(p, s, 6.3521065e-6F);
  p = fma(p, s, 1.6882905e-4F);
  p = fma(p, s, 4.677281e-3F);
  p = fma(p, s, 3.3853013e-2F);
  p = fma(p, s, 3.9894223e-1F);
  float q = 1.1974894e-6F;
  q = fma(q, s, 7.364841e-5F);
  q = fma(q, s, 1.884464e-3F);
  q = fma(q, s, 2.8646076e-2F);
  q = fma(q, s, 2.5152284e-1F);
  q = fma(q, s, 1.0F);
  float y = fma(c, p / q, 0.5F);
  y = x < -5.5F ? 0.0F : y;
  return x > 5.5F ? 1.0F : y;
}
/// The density of the normal distribution.
DLB_INLINE float normal_density(float x) { return 0.39894228F * exp_negative(-0.5F * (x * x)); }

/// cos(2 pi u) for u in [0, 1]. Error: 2e-7 absolute.
DLB_INLINE float cos_turns(float u) {
  const float a = u > 0.5F ? 1.0F - u : u;
  const float t = (0.25F - a) * 6.28318531F;  // cos(2 pi a) = sin(2 pi (1/4 - a)), |t| <= pi / 2
  const float z = t * t;
  float p = 1.6059044e-10F;
  p = p * z - 2.5052108e-8F;
  p = p * z + 2.7557319e-6F;
  p = p * z - 1.9841270e-4F;
  p = p * z + 8.3333333e-3F;
  p = p * z - 1.6666667e-1F;
  return p * z * t + t;
}

/// sin, cos and tan hold up to here; callers take the standard library's function of float64 beyond.
inline constexpr float kPeriodicLimit = 1048576.0F;

/// x = n pi / 2 + r with |r| <= pi / 4, for |x| <= kPeriodicLimit. In float64, where n times the first 33
/// bits of pi / 2 is exact.
struct Quadrant {
  float r;
  uint32_t n;  ///< modulo 2^32
};
DLB_INLINE Quadrant reduce_half_pi(float x) {
  constexpr double kRound = 0x1.8p52;
  const double d = static_cast<double>(x);
  const double t = d * 0.63661977236758134308 + kRound;
  const double k = t - kRound;
  const double r = (d - k * 0x1.921fb544p0) - k * 0x1.0b4611a626331p-34;
  return {static_cast<float>(r), static_cast<uint32_t>(std::bit_cast<uint64_t>(t))};
}
/// sin r and cos r for |r| <= pi / 4.
DLB_INLINE float sin_reduced(float r) {
  const float z = r * r;
  float p = -1.9515295891e-4F;
  p = p * z + 8.3321608736e-3F;
  p = p * z - 1.6666654611e-1F;
  return p * z * r + r;
}
DLB_INLINE float cos_reduced(float r) {
  const float z = r * r;
  float p = 2.443315711809948e-5F;
  p = p * z - 1.388731625493765e-3F;
  p = p * z + 4.166664568298827e-2F;
  return (p * (z * z) - 0.5F * z) + 1.0F;
}
DLB_INLINE float flip_sign(float x, uint32_t odd) {
  return std::bit_cast<float>(std::bit_cast<uint32_t>(x) ^ (odd << 31));
}

/// Error: 1.5 ulp.
DLB_INLINE float sin(float x) {
  const auto [r, n] = reduce_half_pi(x);
  const float s = sin_reduced(r);
  const float c = cos_reduced(r);
  const float y = flip_sign((n & 1U) != 0 ? c : s, (n >> 1) & 1U);
  return x == 0.0F ? x : y;
}
/// Error: 1.5 ulp.
DLB_INLINE float cos(float x) {
  const auto [r, n] = reduce_half_pi(x);
  const float s = sin_reduced(r);
  const float c = cos_reduced(r);
  return flip_sign((n & 1U) != 0 ? s : c, ((n + 1U) >> 1) & 1U);
}
/// Error: 2.5 ulp.
DLB_INLINE float tan(float x) {
  const auto [r, n] = reduce_half_pi(x);
  const float s = sin_reduced(r);
  const float c = cos_reduced(r);
  const bool odd = (n & 1U) != 0;
  const float y = flip_sign((odd ? c : s) / (odd ? s : c), n & 1U);
  return x == 0.0F ? x : y;
}

}  // namespace dlb::float_math
