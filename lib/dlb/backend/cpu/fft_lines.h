#pragma once
/// \file Fourier transforms of several lines at a time.

#include <cstdint>
#include <memory>
#include <vector>

namespace dlb::backend::cpu {

/// exp(2 pi i k / n) for k below n.
struct UnitRoots {
  explicit UnitRoots(int64_t n);
  std::vector<double> re, im;
};

/// What all transforms of n points have in common: factors and roots of unity. Made once, read by all
/// threads.
///
/// Lengths of factors 2, 3 and 5 are done by Stockham's method on all lines at once, in loops as wide as the
/// processor's vectors; others line by line by KISS FFT in double precision, for prime factors above 50 by
/// way of Bluestein's convolution of a power of two.
///
/// **Source**: Stockham, "High-speed convolution and correlation", 1966; Bluestein, "A linear filtering
/// approach to the computation of the discrete Fourier transform", 1970.
template <class T>
struct FftPlan {
  FftPlan(int64_t points, bool is_inverse);

  /// Butterflies of `radix` elements: `groups` times `stride` of them, each group with twiddle factors of its
  /// own.
  struct Stage {
    int64_t radix, groups, stride;
    std::vector<T> re, im;  ///< [groups, radix - 1]
  };
  int64_t n;
  bool inverse;
  bool by_stages = true;
  std::vector<Stage> stages = {};
};

class SingleLine;

/// Lines to be transformed, with scratch memory: element j of line i is at [j * lines + i].
template <class T>
class FftLines {
 public:
  /// The most lines at a time: a cache line of each element.
  static constexpr int64_t kMost = 64 / static_cast<int64_t>(sizeof(T));

  FftLines(const FftPlan<T>& plan, int64_t lines);
  ~FftLines();
  int64_t lines() const { return lines_; }
  T* re() { return re_.data(); }
  T* im() { return im_.data(); }
  /// y_k = sum_j x_j exp(-+ 2 pi i j k / n) in place; re() and im() change.
  void transform();

 private:
  void transform_single_lines();
  const FftPlan<T>& plan_;
  int64_t lines_;
  std::vector<T> re_, im_, other_re_, other_im_;
  std::unique_ptr<SingleLine> single_;
};

}  // namespace dlb::backend::cpu
