#include "dlb/backend/cpu/fft_lines.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <kissfft/kissfft.hh>
#include <numbers>
#include <optional>
#include <utility>

#include "dlb/backend/cpu/simd.h"
#include "dlb/ops/float_math.h"

namespace dlb::backend::cpu {

UnitRoots::UnitRoots(int64_t n) : re(static_cast<size_t>(n)), im(static_cast<size_t>(n)) {
  // The other quarters follow from the first, where n has quarters.
  const size_t size = re.size();
  const size_t known = n % 4 == 0 ? size / 4 : size;
  for (size_t k = 0; k < known; ++k) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
    re[k] = std::cos(angle);
    im[k] = std::sin(angle);
  }
  for (size_t k = known; k < size; ++k) {
    re[k] = -im[k - known];
    im[k] = re[k - known];
  }
}

namespace {

using Value = std::complex<double>;

/// Prime factors up to which the mixed-radix transform of single lines is faster than Bluestein's.
constexpr int64_t kLargestRadix = 50;

int64_t largest_factor(int64_t n) {
  int64_t largest = 1;
  for (int64_t p = 2; p * p <= n; ++p) {
    while (n % p == 0) {
      largest = p;
      n /= p;
    }
  }
  return std::max(largest, n);
}

}  // namespace

/// One line of n points, with scratch memory.
class SingleLine {
 public:
  SingleLine(int64_t n, bool inverse) : in(static_cast<size_t>(n)), out(static_cast<size_t>(n)) {
    const size_t size = in.size();
    if (largest_factor(n) <= kLargestRadix) {
      direct_.emplace(size, inverse);
      return;
    }
    size_t m = 1;
    while (m < 2 * size) m *= 2;
    forth_.emplace(m, false);
    back_.emplace(m, true);
    chirp_.resize(size);
    std::vector<Value> filter(m, 0);
    for (size_t j = 0; j < size; ++j) {
      // j^2 modulo 2n keeps the angle exact.
      const auto square = static_cast<double>(static_cast<uint64_t>(j) * j % (2 * size));
      const double angle = std::numbers::pi * square / static_cast<double>(n);
      chirp_[j] = std::polar(1.0, inverse ? angle : -angle);
      filter[j] = std::conj(chirp_[j]);
      if (j > 0) filter[m - j] = filter[j];
    }
    filter_.resize(m);
    forth_->transform(filter.data(), filter_.data());
    for (Value& f : filter_) f /= static_cast<double>(m);
    work_.resize(m);
    spectrum_.resize(m);
  }

  void run() {
    if (direct_) return direct_->transform(in.data(), out.data());
    // exp(i j k) = exp(i j^2 / 2) exp(i k^2 / 2) exp(-i (k - j)^2 / 2): a convolution.
    std::fill(work_.begin(), work_.end(), Value(0));
    for (size_t j = 0; j < in.size(); ++j) work_[j] = in[j] * chirp_[j];
    forth_->transform(work_.data(), spectrum_.data());
    for (size_t j = 0; j < spectrum_.size(); ++j) spectrum_[j] *= filter_[j];
    back_->transform(spectrum_.data(), work_.data());
    for (size_t j = 0; j < out.size(); ++j) out[j] = work_[j] * chirp_[j];
  }

  std::vector<Value> in, out;

 private:
  std::optional<kissfft<double>> direct_, forth_, back_;
  std::vector<Value> chirp_, filter_, work_, spectrum_;
};

namespace {

/// A complex number of the loops below; std::complex checks its products for infinities.
template <class T>
struct Number {
  T re, im;
  DLB_INLINE Number operator+(Number o) const { return {re + o.re, im + o.im}; }
  DLB_INLINE Number operator-(Number o) const { return {re - o.re, im - o.im}; }
  DLB_INLINE Number operator*(Number o) const { return {re * o.re - im * o.im, re * o.im + im * o.re}; }
  DLB_INLINE Number operator*(T f) const { return {re * f, im * f}; }
  /// Times -i, or i where sign is -1.
  DLB_INLINE Number turned(T sign) const { return {sign * im, -sign * re}; }
};

template <class T>
DLB_INLINE Number<T> get(const T* re, const T* im, int64_t at) {
  return {re[at], im[at]};
}
template <class T>
DLB_INLINE void put(T* re, T* im, int64_t at, Number<T> x) {
  re[at] = x.re;
  im[at] = x.im;
}

/// `width` butterflies of P elements with the same twiddle factors w; elements lie `in` apart, results
/// `width` apart.
template <int P, class T>
DLB_INLINE void group(const T* __restrict re, const T* __restrict im, int64_t in, T* __restrict out_re,
                      T* __restrict out_im, int64_t width, const T* w_re, const T* w_im, T sign) {
  using C = Number<T>;
  C w[P] = {};
  for (int r = 1; r < P; ++r) w[r] = {w_re[r - 1], w_im[r - 1]};
  DLB_IVDEP
  for (int64_t c = 0; c < width; ++c) {
    const C first = get(re, im, c), second = get(re, im, in + c);
    if constexpr (P == 2) {
      put(out_re, out_im, c, first + second);
      put(out_re, out_im, width + c, (first - second) * w[1]);
    } else if constexpr (P == 3) {
      constexpr T kSin = static_cast<T>(0.86602540378443864676);
      const C third = get(re, im, 2 * in + c);
      const C sum = second + third;
      const C mean = first - sum * T(0.5);
      const C turned = ((second - third) * kSin).turned(sign);
      put(out_re, out_im, c, first + sum);
      put(out_re, out_im, width + c, (mean + turned) * w[1]);
      put(out_re, out_im, 2 * width + c, (mean - turned) * w[2]);
    } else if constexpr (P == 4) {
      const C third = get(re, im, 2 * in + c), fourth = get(re, im, 3 * in + c);
      const C a = first + third, b = first - third, d = second + fourth, e = (second - fourth).turned(sign);
      put(out_re, out_im, c, a + d);
      put(out_re, out_im, width + c, (b + e) * w[1]);
      put(out_re, out_im, 2 * width + c, (a - d) * w[2]);
      put(out_re, out_im, 3 * width + c, (b - e) * w[3]);
    } else {
      static_assert(P == 5);
      constexpr T kCos1 = static_cast<T>(0.30901699437494742410),
                  kCos2 = static_cast<T>(-0.80901699437494742410);
      constexpr T kSin1 = static_cast<T>(0.95105651629515357212),
                  kSin2 = static_cast<T>(0.58778525229247312917);
      const C third = get(re, im, 2 * in + c), fourth = get(re, im, 3 * in + c),
              fifth = get(re, im, 4 * in + c);
      const C a = second + fifth, b = third + fourth, d = second - fifth, e = third - fourth;
      const C near = first + a * kCos1 + b * kCos2, far = first + a * kCos2 + b * kCos1;
      const C near_turned = (d * kSin1 + e * kSin2).turned(sign),
              far_turned = (d * kSin2 - e * kSin1).turned(sign);
      put(out_re, out_im, c, first + a + b);
      put(out_re, out_im, width + c, (near + near_turned) * w[1]);
      put(out_re, out_im, 2 * width + c, (far + far_turned) * w[2]);
      put(out_re, out_im, 3 * width + c, (far - far_turned) * w[3]);
      put(out_re, out_im, 4 * width + c, (near - near_turned) * w[4]);
    }
  }
}

template <int P, class T>
DLB_INLINE void stage(const typename FftPlan<T>::Stage& s, int64_t lines, const T* re, const T* im, T* out_re,
                      T* out_im, T sign) {
  const int64_t width = s.stride * lines;
  const int64_t in = s.groups * width;
  for (int64_t g = 0; g < s.groups; ++g) {
    const T* w_re = s.re.data() + g * (P - 1);
    const T* w_im = s.im.data() + g * (P - 1);
    const int64_t from = g * width, to = g * P * width;
    // A number known to the compiler where loops are short.
    constexpr int64_t kFull = FftLines<T>::kMost;
    if (width == kFull) {
      group<P>(re + from, im + from, in, out_re + to, out_im + to, kFull, w_re, w_im, sign);
    } else {
      group<P>(re + from, im + from, in, out_re + to, out_im + to, width, w_re, w_im, sign);
    }
  }
}

}  // namespace

template <class T>
FftPlan<T>::FftPlan(int64_t points, bool is_inverse) : n(points), inverse(is_inverse) {
  by_stages = largest_factor(n) <= 5;
  if (!by_stages) return;
  const UnitRoots roots(n);
  int64_t left = n;
  int64_t stride = 1;
  while (left > 1) {
    const int64_t radix = left % 4 == 0 ? 4 : left % 2 == 0 ? 2 : left % 3 == 0 ? 3 : 5;
    Stage s{radix, left / radix, stride, {}, {}};
    for (int64_t g = 0; g < s.groups; ++g) {
      for (int64_t r = 1; r < radix; ++r) {
        const auto k = static_cast<size_t>(g * r * stride);  // below n: g < left / radix
        s.re.push_back(static_cast<T>(roots.re[k]));
        s.im.push_back(static_cast<T>(inverse ? roots.im[k] : -roots.im[k]));
      }
    }
    left /= radix;
    stride *= radix;
    stages.push_back(std::move(s));
  }
}

template <class T>
FftLines<T>::FftLines(const FftPlan<T>& plan, int64_t lines)
    : plan_(plan), lines_(lines), re_(static_cast<size_t>(plan.n * lines)), im_(re_.size()) {
  if (!plan.by_stages) {
    single_ = std::make_unique<SingleLine>(plan.n, plan.inverse);
    return;
  }
  other_re_.resize(re_.size());
  other_im_.resize(re_.size());
}

template <class T>
FftLines<T>::~FftLines() = default;

template <class T>
void FftLines<T>::transform() {
  if (!plan_.by_stages) return transform_single_lines();
  const T sign = plan_.inverse ? T(-1) : T(1);
  for (const typename FftPlan<T>::Stage& s : plan_.stages) {
    simd([&] {
      const T *re = re_.data(), *im = im_.data();
      T *to_re = other_re_.data(), *to_im = other_im_.data();
      switch (s.radix) {
        case 2:
          return stage<2>(s, lines_, re, im, to_re, to_im, sign);
        case 3:
          return stage<3>(s, lines_, re, im, to_re, to_im, sign);
        case 4:
          return stage<4>(s, lines_, re, im, to_re, to_im, sign);
        default:
          return stage<5>(s, lines_, re, im, to_re, to_im, sign);
      }
    });
    std::swap(re_, other_re_);
    std::swap(im_, other_im_);
  }
}

template <class T>
void FftLines<T>::transform_single_lines() {
  SingleLine& line = *single_;
  for (int64_t i = 0; i < lines_; ++i) {
    for (int64_t j = 0; j < plan_.n; ++j) {
      const auto at = static_cast<size_t>(j * lines_ + i);
      line.in[static_cast<size_t>(j)] = Value(re_[at], im_[at]);
    }
    line.run();
    for (int64_t j = 0; j < plan_.n; ++j) {
      const auto at = static_cast<size_t>(j * lines_ + i);
      re_[at] = static_cast<T>(line.out[static_cast<size_t>(j)].real());
      im_[at] = static_cast<T>(line.out[static_cast<size_t>(j)].imag());
    }
  }
}

template struct FftPlan<float>;
template struct FftPlan<double>;
template class FftLines<float>;
template class FftLines<double>;

}  // namespace dlb::backend::cpu
