#include "dlb/data/fourier.h"

#include <cmath>
#include <numbers>

namespace dlb::data {

namespace {

using Complex = std::complex<float>;

/// Without the recovery of infinities that operator* of std::complex brings.
Complex product(Complex a, Complex b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

}  // namespace

Fourier::Fourier(int64_t n) : n_(n) {
  int64_t rest = n;
  for (int64_t p = 4; rest > 1;) {
    if (rest % p == 0) {
      factors_.push_back(p);
      rest /= p;
    } else {
      p = p == 4 ? 2 : p == 2 ? 3 : p * p > rest ? rest : p + 2;
    }
  }
  for (int64_t k = 0; k < n; ++k) {
    const double angle = -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
    roots_.emplace_back(static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle)));
  }
}

void Fourier::transform(const Complex* in, Complex* out) const {
  if (factors_.empty()) {
    out[0] = in[0];
  } else {
    part(in, out, 1, 0);
  }
}

/// Every stride-th value of `in`: transforms of its p interleaved parts, joined by transforms of length p.
void Fourier::part(const Complex* in, Complex* out, int64_t stride, size_t level) const {
  const int64_t p = factors_[level], n = n_ / stride, m = n / p;
  for (int64_t q = 0; q < p; ++q) {
    if (m == 1) {
      out[q] = in[q * stride];
    } else {
      part(in + q * stride, out + q * m, stride * p, level + 1);
    }
  }
  std::vector<Complex> turned(p > 4 ? static_cast<size_t>(p) : 0);
  for (int64_t k = 0; k < m; ++k) {
    const auto twiddled = [&](int64_t q) {
      return product(out[k + q * m], roots_[static_cast<size_t>(q * k * stride)]);
    };
    if (p == 4) {
      const Complex a = out[k], b = twiddled(1), c = twiddled(2), d = twiddled(3);
      const Complex even = a + c, odd = a - c, sum = b + d, difference = b - d;
      const Complex turn(difference.imag(), -difference.real());  // times -sqrt(-1)
      out[k] = even + sum;
      out[k + m] = odd + turn;
      out[k + 2 * m] = even - sum;
      out[k + 3 * m] = odd - turn;
    } else if (p == 2) {
      const Complex a = out[k], b = twiddled(1);
      out[k] = a + b;
      out[k + m] = a - b;
    } else {
      Complex few[4];
      Complex* t = p > 4 ? turned.data() : few;
      for (int64_t q = 0; q < p; ++q) t[q] = twiddled(q);
      for (int64_t r = 0; r < p; ++r) {
        Complex sum = t[0];
        for (int64_t q = 1; q < p; ++q)
          sum += product(t[q], roots_[static_cast<size_t>(q * r % p * (n_ / p))]);
        out[k + r * m] = sum;
      }
    }
  }
}

}  // namespace dlb::data
