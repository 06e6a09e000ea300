#pragma once
/// \file Short Fourier transforms for features of sound, on the loader's threads.

#include <complex>
#include <cstdint>
#include <vector>

namespace dlb::data {

/// X[k] = sum over i of x[i] exp(-2 pi sqrt(-1) i k / n), for a fixed n of any factors.
class Fourier {
 public:
  explicit Fourier(int64_t n);
  int64_t size() const { return n_; }
  /// `in` and `out` have n values each and do not overlap. Thread-safe.
  void transform(const std::complex<float>* in, std::complex<float>* out) const;

 private:
  void part(const std::complex<float>* in, std::complex<float>* out, int64_t stride, size_t level) const;
  int64_t n_;
  std::vector<int64_t> factors_;
  std::vector<std::complex<float>> roots_;  ///< exp(-2 pi sqrt(-1) k / n)
};

}  // namespace dlb::data
