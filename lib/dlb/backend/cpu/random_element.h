#pragma once
/// \file Distributions of one element: each reads as many words of the element's own stream as it needs.
///
/// **Source**: Marsaglia and Tsang, "A simple method for generating gamma variables", 2000; Hoermann, "The
/// transformed rejection method for generating Poisson random variables" and "The generation of binomial
/// random variates", 1993; Robert, "Simulation of truncated normal variables", 1995.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "dlb/backend/cpu/philox_block.h"

namespace dlb::backend::cpu {

/// The words of element i: block i of the stream, then blocks i + 2^40, i + 2^41, ...
class ElementStream {
 public:
  /// `words` are those of block i.
  ElementStream(const RngKey& key, uint64_t element, const uint32_t* words) : key_(key), element_(element) {
    std::copy(words, words + kPhiloxWords, block_.begin());
  }

  uint64_t bits() {
    if (used_ == kPhiloxWords) {
      block_ = philox(key_, element_ + (++round_ << 40));
      used_ = 0;
    }
    const uint64_t low = block_[static_cast<size_t>(used_)];
    const uint64_t high = block_[static_cast<size_t>(used_ + 1)];
    used_ += 2;
    return low | (high << 32);
  }
  /// (0, 1), 53 bits.
  double uniform() { return (static_cast<double>(bits() >> 11) + 0.5) * 0x1p-53; }
  double normal() {
    const double u = uniform();
    return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * uniform());
  }
  double exponential() { return -std::log(uniform()); }
  /// Unbiased in [0, n).
  uint64_t below(uint64_t n) {
    const uint64_t limit = UINT64_MAX - UINT64_MAX % n;
    uint64_t x = bits();
    while (x >= limit) x = bits();
    return x % n;
  }

 private:
  RngKey key_;
  uint64_t element_;
  uint64_t round_ = 0;
  std::array<uint32_t, 4> block_{};
  int64_t used_ = 0;
};

inline double sample_geometric(ElementStream& s, double p) {
  return p >= 1 ? 1 : std::max(1.0, std::ceil(std::log(s.uniform()) / std::log1p(-p)));
}

/// Standard normal under low <= x <= high, where 0 < low: proposals from an exponential tail, or even ones
/// when the limits are near.
inline double sample_normal_tail(ElementStream& s, double low, double high) {
  if (low > 1e8) return low;  // the tail is narrower than what numbers of this size resolve
  const double rate = (low + std::sqrt(low * low + 4)) / 2;
  const bool near = (high - low) * rate < 1;
  for (;;) {
    if (near) {
      const double x = low + (high - low) * s.uniform();
      if (s.uniform() <= std::exp((low * low - x * x) / 2)) return x;
      continue;
    }
    const double x = low + s.exponential() / rate;
    if (x <= high && s.uniform() <= std::exp(-(x - rate) * (x - rate) / 2)) return x;
  }
}

inline double sample_truncated_normal(ElementStream& s, double low, double high) {
  if (low > 0) return sample_normal_tail(s, low, high);
  if (high < 0) return -sample_normal_tail(s, -high, -low);
  const bool narrow = high - low < 2;
  for (;;) {
    if (narrow) {
      const double x = low + (high - low) * s.uniform();
      if (s.uniform() <= std::exp(-x * x / 2)) return x;
      continue;
    }
    const double x = s.normal();
    if (x >= low && x <= high) return x;
  }
}

inline double sample_gamma(ElementStream& s, double alpha) {
  if (!(alpha < std::numeric_limits<double>::infinity())) return alpha;
  // A shape below 1 is that of one above, times a power of a uniform variable.
  const double boost = alpha < 1 ? std::exp(std::log(s.uniform()) / alpha) : 1;
  const double d = (alpha < 1 ? alpha + 1 : alpha) - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = s.normal();
    const double t = 1 + c * x;
    if (t <= 0) continue;
    const double v = t * t * t;
    if (std::log(s.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return boost * d * v;
  }
}

inline double sample_poisson(ElementStream& s, double rate) {
  if (!(rate < 1e17)) return rate;  // beyond, the deviation is below what a number of this size resolves
  if (rate < 10) {
    const double limit = std::exp(-rate);
    double product = s.uniform();
    double k = 0;
    for (; product > limit; ++k) product *= s.uniform();
    return k;
  }
  const double root = std::sqrt(rate);
  const double b = 0.931 + 2.53 * root;
  const double a = -0.059 + 0.02483 * b;
  const double inverse = 1.1239 + 1.1328 / (b - 3.4);
  const double fit = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = s.uniform() - 0.5;
    const double v = s.uniform();
    const double us = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / us + b) * u + rate + 0.43);
    if (us >= 0.07 && v <= fit) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    const double log_v = std::log(v * inverse / (a / (us * us) + b));
    if (log_v <= k * std::log(rate) - rate - std::lgamma(k + 1)) return k;
  }
}

/// For p <= 1/2.
inline double sample_binomial_half(ElementStream& s, double n, double p) {
  if (n * p < 10) {
    // Gaps between successes are geometric.
    double k = 0;
    double used = sample_geometric(s, p);
    for (; used <= n; ++k) used += sample_geometric(s, p);
    return k;
  }
  const double q = 1 - p;
  const double spread = std::sqrt(n * p * q);
  const double b = 1.15 + 2.53 * spread;
  const double a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double c = n * p + 0.5;
  const double fit = 0.92 - 4.2 / b;
  const double alpha = (2.83 + 5.1 / b) * spread;
  const double mode = std::floor((n + 1) * p);
  for (;;) {
    const double u = s.uniform() - 0.5;
    double v = s.uniform();
    const double us = 0.5 - std::abs(u);
    const double k = std::floor((2 * a / us + b) * u + c);
    if (us >= 0.07 && v <= fit) return k;
    if (k < 0 || k > n) continue;
    v = std::log(v * alpha / (a / (us * us) + b));
    const double limit = std::lgamma(mode + 1) + std::lgamma(n - mode + 1) - std::lgamma(k + 1) -
                         std::lgamma(n - k + 1) + (k - mode) * std::log(p / q);
    if (v <= limit) return k;
  }
}
inline double sample_binomial(ElementStream& s, double n, double p) {
  if (p == 0 || n == 0) return 0;
  return p <= 0.5 ? sample_binomial_half(s, n, p) : p >= 1 ? n : n - sample_binomial_half(s, n, 1 - p);
}

}  // namespace dlb::backend::cpu
