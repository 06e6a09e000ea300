// Complex values are pairs of real tensors: an imaginary part goes in as `imag`, and comes out as the second
// result.
#include "dlb/ops/fft.h"

#include "dlb/functional/define.h"
#include "dlb/ops/signal.h"

namespace dlb::functional {

namespace {

using Pair = std::pair<Tensor, Tensor>;
using Size = std::optional<int64_t>;
using Sizes = std::optional<Dims>;
using Norm = std::optional<std::string>;
using One = Complex (*)(const Complex&, Size, int64_t, const std::string&);
using OneReal = Complex (*)(const Tensor&, Size, int64_t, const std::string&);
using OneBack = Tensor (*)(const Complex&, Size, int64_t, const std::string&);
using Many = Complex (*)(const Complex&, const Sizes&, const Sizes&, const std::string&);

constexpr Traits kAny{.dtypes = DTypes::kAll};
/// Integers count as float32.
constexpr Traits kTransform{.dtypes = DTypes::kAllBut16Bit};

Pair pair(const Complex& c) { return {c.re, c.im}; }
std::string norm_of(const Norm& norm) { return norm.value_or("backward"); }

template <One f>
Function complex(std::string_view name, std::string_view doc) {
  return define(
      name, doc, {"input", "n = none", "dim = -1", "norm = none", "imag = none"},
      +[](const Tensor& re, Size n, int64_t dim, Norm norm, const Tensor& im) {
        return pair(f({re, im}, n, dim, norm_of(norm)));
      },
      kTransform);
}

template <OneReal f>
Function of_real(std::string_view name, std::string_view doc) {
  return define(
      name, doc, {"input", "n = none", "dim = -1", "norm = none"},
      +[](const Tensor& x, Size n, int64_t dim, Norm norm) { return pair(f(x, n, dim, norm_of(norm))); },
      kTransform);
}

template <OneBack f>
Function to_real(std::string_view name, std::string_view doc) {
  return define(
      name, doc, {"input", "n = none", "dim = -1", "norm = none", "imag = none"},
      +[](const Tensor& re, Size n, int64_t dim, Norm norm, const Tensor& im) {
        return f({re, im}, n, dim, norm_of(norm));
      },
      kTransform);
}

template <Many f>
Function over_many(std::string_view name, std::string_view doc, std::string_view dims = "dim = none") {
  return define(
      name, doc, {"input", "s = none", dims, "norm = none", "imag = none"},
      +[](const Tensor& re, Sizes s, Sizes dim, Norm norm, const Tensor& im) {
        return pair(f({re, im}, s, dim, norm_of(norm)));
      },
      kTransform);
}

Function over_many_of_real(std::string_view name, std::string_view doc, std::string_view dims) {
  return define(
      name, doc, {"input", "s = none", dims, "norm = none"},
      +[](const Tensor& x, Sizes s, Sizes dim, Norm norm) {
        return pair(fft::rfftn(x, s, dim, norm_of(norm)));
      },
      kTransform);
}

Function over_many_to_real(std::string_view name, std::string_view doc, std::string_view dims) {
  return define(
      name, doc, {"input", "s = none", dims, "norm = none", "imag = none"},
      +[](const Tensor& re, Sizes s, Sizes dim, Norm norm, const Tensor& im) {
        return fft::irfftn({re, im}, s, dim, norm_of(norm));
      },
      kTransform);
}

DType dtype_or_float(const std::optional<DType>& dtype) { return dtype.value_or(DType::kFloat32); }

constexpr Traits kMade{.dtypes = DTypes::kNone, .differentiable = false};

using Window = Tensor (*)(int64_t, bool, DType);
template <Window f>
Function window(std::string_view name, std::string_view doc) {
  return define(
      name, doc, {"window_length", "periodic = true", "dtype = none"},
      +[](int64_t n, bool periodic, std::optional<DType> dtype) {
        return f(n, periodic, dtype_or_float(dtype));
      },
      kMade);
}
/// As torch.signal.windows: symmetric unless asked for otherwise.
template <Window f>
Function signal_window(std::string_view name, std::string_view doc) {
  return define(
      name, doc, {"M", "sym = true", "dtype = none"},
      +[](int64_t n, bool sym, std::optional<DType> dtype) { return f(n, !sym, dtype_or_float(dtype)); },
      kMade);
}

void add_windows(std::vector<Function>& all) {
  all.push_back(window<window::hann>("hann_window", "raised cosine"));
  all.push_back(window<window::blackman>("blackman_window", "three cosine terms"));
  all.push_back(window<window::bartlett>("bartlett_window", "triangle"));
  all.push_back(define(
      "hamming_window", "raised cosine that does not reach 0",
      {"window_length", "periodic = true", "alpha = 0.54", "beta = 0.46", "dtype = none"},
      +[](int64_t n, bool periodic, double alpha, double beta, std::optional<DType> dtype) {
        return window::hamming(n, periodic, alpha, beta, dtype_or_float(dtype));
      },
      kMade));
  all.push_back(define(
      "kaiser_window", "modified Bessel function of a half circle",
      {"window_length", "periodic = true", "beta = 12.0", "dtype = none"},
      +[](int64_t n, bool periodic, double beta, std::optional<DType> dtype) {
        return window::kaiser(n, periodic, beta, dtype_or_float(dtype));
      },
      kMade));
  all.push_back(signal_window<window::hann>("signal.windows.hann", "raised cosine"));
  all.push_back(signal_window<window::blackman>("signal.windows.blackman", "three cosine terms"));
  all.push_back(signal_window<window::bartlett>("signal.windows.bartlett", "triangle"));
  all.push_back(signal_window<window::nuttall>("signal.windows.nuttall", "four cosine terms"));
  all.push_back(signal_window<window::cosine>("signal.windows.cosine", "half a sine"));
  all.push_back(define(
      "signal.windows.hamming", "raised cosine that does not reach 0", {"M", "sym = true", "dtype = none"},
      +[](int64_t n, bool sym, std::optional<DType> dtype) {
        return window::hamming(n, !sym, 0.54, 0.46, dtype_or_float(dtype));
      },
      kMade));
  all.push_back(define(
      "signal.windows.general_cosine", "sum of cosines with coefficients a",
      {"M", "a", "sym = true", "dtype = none"},
      +[](int64_t n, std::vector<double> a, bool sym, std::optional<DType> dtype) {
        return window::general_cosine(n, a, !sym, dtype_or_float(dtype));
      },
      kMade));
  all.push_back(define(
      "signal.windows.general_hamming", "alpha less (1 - alpha) times a cosine",
      {"M", "alpha = 0.54", "sym = true", "dtype = none"},
      +[](int64_t n, double alpha, bool sym, std::optional<DType> dtype) {
        return window::hamming(n, !sym, alpha, 1 - alpha, dtype_or_float(dtype));
      },
      kMade));
  all.push_back(define(
      "signal.windows.kaiser", "modified Bessel function of a half circle",
      {"M", "beta = 12.0", "sym = true", "dtype = none"},
      +[](int64_t n, double beta, bool sym, std::optional<DType> dtype) {
        if (beta < 0) fail(ErrorKind::kConfig, "signal.windows.kaiser expects beta from 0, got {}", beta);
        return window::kaiser(n, !sym, beta, dtype_or_float(dtype));
      },
      kMade));
  all.push_back(define(
      "signal.windows.gaussian", "bell curve of standard deviation std",
      {"M", "std = 1.0", "sym = true", "dtype = none"},
      +[](int64_t n, double std, bool sym, std::optional<DType> dtype) {
        return window::gaussian(n, std, !sym, dtype_or_float(dtype));
      },
      kMade));
  all.push_back(define(
      "signal.windows.exponential", "exp(-|k - center| / tau)",
      {"M", "center = none", "tau = 1.0", "sym = true", "dtype = none"},
      +[](int64_t n, std::optional<double> center, double tau, bool sym, std::optional<DType> dtype) {
        return window::exponential(n, center, tau, !sym, dtype_or_float(dtype));
      },
      kMade));
}

constexpr Traits kSignal{.dtypes = DTypes::kFloat32_64};

void add_stft(std::vector<Function>& all) {
  all.push_back(define(
      "stft", "Fourier transforms of windowed frames: real and imaginary parts",
      {"input", "n_fft", "hop_length = none", "win_length = none", "window = none", "center = true",
       "pad_mode = 'reflect'", "normalized = false", "onesided = none", "imag = none"},
      +[](const Tensor& re, int64_t n_fft, Size hop, Size win, const Tensor& window, bool center,
          std::string pad_mode, bool normalized, std::optional<bool> onesided, const Tensor& im) {
        return pair(stft(Complex{re, im}, {n_fft, hop, win, window, center, pad_mode, normalized,
                                           onesided.value_or(!im.defined())}));
      },
      kSignal));
  all.push_back(define(
      "istft", "the signal of which stft gives real part input and imaginary part imag",
      {"input", "imag", "n_fft", "hop_length = none", "win_length = none", "window = none", "center = true",
       "normalized = false", "onesided = none", "length = none"},
      +[](const Tensor& re, const Tensor& im, int64_t n_fft, Size hop, Size win, const Tensor& window,
          bool center, bool normalized, std::optional<bool> onesided, Size length) {
        return istft({re, im},
                     {n_fft, hop, win, window, center, "reflect", normalized, onesided.value_or(true)},
                     length);
      },
      kSignal));
}

}  // namespace

std::vector<Function> fft_functions() {
  std::vector<Function> all = {
      complex<fft::fft>("fft.fft", "Fourier transform along dim"),
      complex<fft::ifft>("fft.ifft", "inverse Fourier transform along dim"),
      of_real<fft::rfft>("fft.rfft", "the first n / 2 + 1 frequencies of real values"),
      to_real<fft::irfft>("fft.irfft", "real values from their first n / 2 + 1 frequencies"),
      to_real<fft::hfft>("fft.hfft", "real transform of half a conjugate-symmetric signal"),
      of_real<fft::ihfft>("fft.ihfft", "half of the inverse transform of real frequencies"),
      over_many<fft::fftn>("fft.fftn", "Fourier transform along several dims"),
      over_many<fft::ifftn>("fft.ifftn", "inverse Fourier transform along several dims"),
      over_many<fft::fftn>("fft.fft2", "Fourier transform along two dims", "dim = [-2, -1]"),
      over_many<fft::ifftn>("fft.ifft2", "inverse Fourier transform along two dims", "dim = [-2, -1]"),
      over_many_of_real("fft.rfftn", "Fourier transform of real values along several dims", "dim = none"),
      over_many_of_real("fft.rfft2", "Fourier transform of real values along two dims", "dim = [-2, -1]"),
      over_many_to_real("fft.irfftn", "real values from half of their transform", "dim = none"),
      over_many_to_real("fft.irfft2", "real values from half of their transform", "dim = [-2, -1]"),
      define(
          "fft.fftfreq", "frequencies of the transform of n samples d apart",
          {"n", "d = 1.0", "dtype = none"},
          +[](int64_t n, double d, std::optional<DType> dtype) {
            return fft::fftfreq(n, d, dtype_or_float(dtype));
          },
          kMade),
      define(
          "fft.rfftfreq", "frequencies of the transform of n real samples d apart",
          {"n", "d = 1.0", "dtype = none"},
          +[](int64_t n, double d, std::optional<DType> dtype) {
            return fft::rfftfreq(n, d, dtype_or_float(dtype));
          },
          kMade),
      define("fft.fftshift", "frequency 0 moved to the middle", {"input", "dim = none"}, &fft::fftshift,
             kAny),
      define("fft.ifftshift", "frequency 0 moved from the middle to the front", {"input", "dim = none"},
             &fft::ifftshift, kAny),
  };
  add_windows(all);
  add_stft(all);
  return all;
}

}  // namespace dlb::functional
