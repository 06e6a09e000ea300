// Fourier transforms with KISS FFT's header, in double precision whatever the tensors' type: lines along a
// dimension are gathered, transformed and written back, many lines at a time on the threads. KISS FFT takes n
// * p steps for a large prime factor p of n; such lengths go through Bluestein's convolution of a power of
// two.
#include <algorithm>
#include <cmath>
#include <complex>
#include <kissfft/kissfft.hh>
#include <numbers>
#include <optional>
#include <vector>

#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/base/threads.h"
#include "dlb/ops/fft_defs.h"

namespace dlb::backend::cpu {
namespace {

using Value = std::complex<double>;

/// Prime factors up to which the mixed-radix transform is faster.
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

/// A transform of n points with its own scratch memory: one for each thread.
class Transform {
 public:
  Transform(int64_t n, bool inverse) : n_(static_cast<size_t>(n)) {
    if (largest_factor(n) <= kLargestRadix) {
      direct_.emplace(n_, inverse);
      return;
    }
    size_t m = 1;
    while (m < 2 * n_) m *= 2;
    forth_.emplace(m, false);
    back_.emplace(m, true);
    chirp_.resize(n_);
    std::vector<Value> filter(m, 0);
    for (size_t j = 0; j < n_; ++j) {
      // j^2 modulo 2n keeps the angle exact.
      const auto square = static_cast<double>(static_cast<uint64_t>(j) * j % (2 * n_));
      const double angle = std::numbers::pi * square / static_cast<double>(n_);
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

  void run(const Value* in, Value* out) {
    if (direct_) return direct_->transform(in, out);
    // exp(i j k) = exp(i j^2 / 2) exp(i k^2 / 2) exp(-i (k - j)^2 / 2): a convolution.
    std::fill(work_.begin(), work_.end(), Value(0));
    for (size_t j = 0; j < n_; ++j) work_[j] = in[j] * chirp_[j];
    forth_->transform(work_.data(), spectrum_.data());
    for (size_t j = 0; j < spectrum_.size(); ++j) spectrum_[j] *= filter_[j];
    back_->transform(spectrum_.data(), work_.data());
    for (size_t j = 0; j < n_; ++j) out[j] = work_[j] * chirp_[j];
  }

 private:
  size_t n_;
  std::optional<kissfft<double>> direct_;
  std::optional<kissfft<double>> forth_;
  std::optional<kissfft<double>> back_;
  std::vector<Value> chirp_, filter_, work_, spectrum_;
};

template <class F>
void dispatch(DType t, const F& f) {
  t == DType::kFloat64 ? f(double{}) : f(float{});
}

/// A row-major tensor as lines along one dimension: `outer` blocks of n rows of `inner` elements.
struct Lines {
  Lines(const Shape& shape, int64_t dim) {
    const auto d = static_cast<size_t>(dim < 0 ? dim + static_cast<int64_t>(shape.size()) : dim);
    for (size_t i = 0; i < d; ++i) outer *= shape[i];
    n = shape[d];
    for (size_t i = d + 1; i < shape.size(); ++i) inner *= shape[i];
  }
  int64_t count() const { return outer * inner; }
  int64_t start(int64_t line) const { return line / inner * n * inner + line % inner; }
  int64_t outer = 1, n = 1, inner = 1;
};

/// Calls f(line, in, out, transform) with scratch memory of n points for each line.
template <class F>
void each_line(const Lines& lines, int64_t n, bool inverse, const F& f) {
  const int64_t grain = std::max<int64_t>(1, 8192 / std::max<int64_t>(n, 1));
  parallel_for(lines.count(), grain, [&](int64_t begin, int64_t end) {
    Transform transform(n, inverse);
    std::vector<Value> in(static_cast<size_t>(n));
    std::vector<Value> out(static_cast<size_t>(n));
    for (int64_t line = begin; line < end; ++line) f(line, in.data(), out.data(), transform);
  });
}

void fft_kernel(const KernelArgs& args, const FftAttrs& attrs) {
  dispatch(args.out(0).dtype(), [&]<class T>(T) {
    const Tensor re_in = row_major(args.in(0));
    const Tensor im_in = args.has(1) ? row_major(args.in(1)) : Tensor();
    T* re = args.out(0).data<T>();
    T* im = args.out(1).data<T>();
    if (args.out(0).numel() == 0) return;
    const T* from_re = re_in.data<T>();
    const T* from_im = im_in.defined() ? im_in.data<T>() : nullptr;
    if (attrs.dims.empty()) {
      for (int64_t i = 0; i < args.out(0).numel(); ++i) {
        re[i] = from_re[i] * static_cast<T>(attrs.scale);
        im[i] = from_im != nullptr ? from_im[i] * static_cast<T>(attrs.scale) : T(0);
      }
    }
    for (size_t d = 0; d < attrs.dims.size(); ++d) {
      const Lines lines(args.out(0).shape(), attrs.dims[d]);
      const double scale = d + 1 == attrs.dims.size() ? attrs.scale : 1;
      each_line(lines, lines.n, attrs.inverse,
                [&](int64_t line, Value* in, Value* out, Transform& transform) {
                  const int64_t start = lines.start(line);
                  for (int64_t j = 0; j < lines.n; ++j) {
                    const int64_t at = start + j * lines.inner;
                    in[j] = Value(from_re[at], from_im != nullptr ? from_im[at] : T(0));
                  }
                  transform.run(in, out);
                  for (int64_t j = 0; j < lines.n; ++j) {
                    const int64_t at = start + j * lines.inner;
                    re[at] = static_cast<T>(out[j].real() * scale);
                    im[at] = static_cast<T>(out[j].imag() * scale);
                  }
                });
      from_re = re;
      from_im = im;
    }
  });
}

void rfft_kernel(const KernelArgs& args, const RealFftAttrs& attrs) {
  dispatch(args.out(0).dtype(), [&]<class T>(T) {
    const Tensor x = row_major(args.in(0));
    if (x.numel() == 0) return;
    const T* from = x.data<T>();
    T* re = args.out(0).data<T>();
    T* im = args.out(1).data<T>();
    const Lines lines(x.shape(), attrs.dim);
    const Lines half(args.out(0).shape(), attrs.dim);
    // Two real lines are one complex line; their transforms are its even and odd parts.
    const int64_t count = (lines.count() + 1) / 2;
    const int64_t n = lines.n;
    const int64_t grain = std::max<int64_t>(1, 8192 / n);
    parallel_for(count, grain, [&](int64_t begin, int64_t end) {
      Transform transform(n, false);
      std::vector<Value> in(static_cast<size_t>(n));
      std::vector<Value> out(static_cast<size_t>(n));
      for (int64_t pair = begin; pair < end; ++pair) {
        const int64_t a = 2 * pair;
        const bool second = a + 1 < lines.count();
        const T* first_line = from + lines.start(a);
        const T* second_line = second ? from + lines.start(a + 1) : nullptr;
        for (int64_t j = 0; j < n; ++j) {
          in[static_cast<size_t>(j)] =
              Value(first_line[j * lines.inner], second ? second_line[j * lines.inner] : T(0));
        }
        transform.run(in.data(), out.data());
        for (int64_t k = 0; k < half.n; ++k) {
          const Value y = out[static_cast<size_t>(k)];
          const Value mirrored = std::conj(out[static_cast<size_t>(k == 0 ? 0 : n - k)]);
          const Value even = 0.5 * (y + mirrored);
          const Value odd = 0.5 * (y - mirrored);
          const int64_t at = half.start(a) + k * half.inner;
          re[at] = static_cast<T>(even.real() * attrs.scale);
          im[at] = static_cast<T>(even.imag() * attrs.scale);
          if (!second) continue;
          const int64_t other = half.start(a + 1) + k * half.inner;
          re[other] = static_cast<T>(odd.imag() * attrs.scale);
          im[other] = static_cast<T>(-odd.real() * attrs.scale);
        }
      }
    });
  });
}

void irfft_kernel(const KernelArgs& args, const InverseRealFftAttrs& attrs) {
  dispatch(args.out(0).dtype(), [&]<class T>(T) {
    const Tensor re_in = row_major(args.in(0));
    const Tensor im_in = args.has(1) ? row_major(args.in(1)) : Tensor();
    if (args.out(0).numel() == 0) return;
    const T* re = re_in.data<T>();
    const T* im = im_in.defined() ? im_in.data<T>() : nullptr;
    T* to = args.out(0).data<T>();
    const Lines half(re_in.shape(), attrs.dim);
    const Lines lines(args.out(0).shape(), attrs.dim);
    const int64_t n = attrs.n;
    each_line(lines, n, true, [&](int64_t line, Value* in, Value* out, Transform& transform) {
      const int64_t start = half.start(line);
      for (int64_t k = 0; k < half.n; ++k) {
        const int64_t at = start + k * half.inner;
        // The imaginary parts of frequencies 0 and n / 2 do not count.
        const bool own_mirror = k == 0 || 2 * k == n;
        const Value y(re[at], im != nullptr && !own_mirror ? im[at] : T(0));
        in[k] = y;
        if (!own_mirror) in[n - k] = std::conj(y);
      }
      transform.run(in, out);
      for (int64_t j = 0; j < n; ++j) {
        to[lines.start(line) + j * lines.inner] = static_cast<T>(out[j].real() * attrs.scale);
      }
    });
  });
}

}  // namespace

void install_fft() {
  set_kernel(op::fft(), DeviceKind::kCpu, fft_kernel);
  set_kernel(op::rfft(), DeviceKind::kCpu, rfft_kernel);
  set_kernel(op::irfft(), DeviceKind::kCpu, irfft_kernel);
}

}  // namespace dlb::backend::cpu
