#include "dlb/ops/signal.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/index.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/special_math.h"
#include "dlb/ops/unary.h"

namespace dlb {
namespace {

struct Frames {
  int64_t n_fft, hop;
  Tensor window;  ///< [n_fft], undefined: ones
};

Frames frames_of(const StftOptions& o, DType dtype, Device device) {
  const int64_t win = o.win_length.value_or(o.n_fft);
  const int64_t hop = o.hop_length.value_or(o.n_fft / 4);
  if (o.n_fft < 1) fail(ErrorKind::kShape, "stft expects n_fft of at least 1, got {}", o.n_fft);
  if (hop < 1) fail(ErrorKind::kShape, "stft expects a hop_length of at least 1, got {}", hop);
  if (win < 1 || win > o.n_fft) {
    fail(ErrorKind::kShape, "stft expects a win_length of 1 to n_fft = {}, got {}", o.n_fft, win);
  }
  if (o.window.defined() && (o.window.rank() != 1 || o.window.dim(0) != win)) {
    fail(ErrorKind::kShape, "stft expects a window [{}], got {}", win, shape_text(o.window.shape()));
  }
  Frames f{o.n_fft, hop, {}};
  if (!o.window.defined() && win == o.n_fft) return f;
  f.window = o.window.defined() ? o.window : ones({win}, dtype, device);
  if (!is_floating(f.window.dtype())) f.window = cast(f.window, dtype);
  const int64_t before = (o.n_fft - win) / 2;
  if (win < o.n_fft) f.window = pad(f.window, {before, o.n_fft - win - before});
  return f;
}

/// x [batch, n] continued by `size` values on both sides.
Tensor continued(const Tensor& x, int64_t size, const std::string& mode) {
  const int64_t n = x.dim(1);
  if (size == 0) return x;
  if (mode == "constant") return pad(x, {size, size});
  const int64_t needed = mode == "reflect" ? size + 1 : mode == "circular" ? size : 1;
  if (mode != "reflect" && mode != "circular" && mode != "replicate") {
    fail(ErrorKind::kConfig, "stft expects pad_mode reflect, replicate, constant or circular, got '{}'",
         mode);
  }
  if (n < needed) {
    fail(ErrorKind::kShape, "stft: padding {} values by {} needs at least {} of them, got {}", mode, size,
         needed, n);
  }
  if (mode == "reflect")
    return cat({flip(narrow(x, 1, 1, size), {1}), x, flip(narrow(x, 1, n - 1 - size, size), {1})}, 1);
  if (mode == "circular") return cat({narrow(x, 1, n - size, size), x, narrow(x, 1, 0, size)}, 1);
  const Shape side{x.dim(0), size};
  return cat({expand(narrow(x, 1, 0, 1), side), x, expand(narrow(x, 1, n - 1, 1), side)}, 1);
}

/// The sample at each point of each frame, flat.
Tensor sample_numbers(int64_t frames, const Frames& f) {
  std::vector<int64_t> at;
  at.reserve(static_cast<size_t>(frames * f.n_fft));
  for (int64_t t = 0; t < frames; ++t) {
    for (int64_t j = 0; j < f.n_fft; ++j) at.push_back(t * f.hop + j);
  }
  return Tensor::from(at, {frames * f.n_fft});
}

void check_floating(const Tensor& x) {
  if (x.dtype() != DType::kFloat32 && x.dtype() != DType::kFloat64) {
    fail(ErrorKind::kDtype, "stft expects float32 or float64, got {}", spec_text(x.spec()));
  }
}

}  // namespace

Complex stft(const Complex& given, const StftOptions& o) {
  const Tensor& re = given.re;
  check_floating(re);
  if (re.rank() != 1 && re.rank() != 2) {
    fail(ErrorKind::kShape, "stft expects [samples] or [batch, samples], got {}", shape_text(re.shape()));
  }
  if (given.im.defined() && given.im.shape() != re.shape()) {
    fail(ErrorKind::kShape, "stft expects real and imaginary parts of one shape, got {} and {}",
         shape_text(re.shape()), shape_text(given.im.shape()));
  }
  if (given.im.defined() && o.onesided) {
    fail(ErrorKind::kConfig, "stft of complex samples has all frequencies: it cannot be onesided");
  }
  const Frames f = frames_of(o, re.dtype(), re.device());
  const auto framed = [&](const Tensor& part) {
    if (!part.defined()) return part;
    Tensor x = part.rank() == 1 ? unsqueeze(part, 0) : part;
    if (o.center) x = continued(x, f.n_fft / 2, o.pad_mode);
    if (x.dim(1) < f.n_fft) {
      fail(ErrorKind::kShape, "stft of {} points needs as many samples, got {}", f.n_fft, x.dim(1));
    }
    const int64_t frames = (x.dim(1) - f.n_fft) / f.hop + 1;
    x = reshape(index_select(x, 1, sample_numbers(frames, f)), {x.dim(0), frames, f.n_fft});
    return f.window.defined() ? x * f.window : x;
  };
  const std::string norm = o.normalized ? "ortho" : "backward";
  Complex y = o.onesided ? fft::rfft(framed(re), {}, -1, norm)
                         : fft::fft({framed(re), framed(given.im)}, {}, -1, norm);
  y = {transpose(y.re, 1, 2), transpose(y.im, 1, 2)};
  return re.rank() == 1 ? Complex{squeeze(y.re, 0), squeeze(y.im, 0)} : y;
}

Complex stft(const Tensor& x, const StftOptions& options) { return stft(Complex{x, {}}, options); }

Tensor istft(const Complex& given, const StftOptions& o, std::optional<int64_t> length) {
  check_floating(given.re);
  if (given.re.rank() != 2 && given.re.rank() != 3) {
    fail(ErrorKind::kShape, "istft expects [frequencies, frames] or [batch, frequencies, frames], got {}",
         shape_text(given.re.shape()));
  }
  const Frames f = frames_of(o, given.re.dtype(), given.re.device());
  if (f.hop > o.win_length.value_or(f.n_fft)) {
    fail(ErrorKind::kShape, "istft expects a hop_length of at most win_length = {}, got {}",
         o.win_length.value_or(f.n_fft), f.hop);
  }
  const bool batched = given.re.rank() == 3;
  const int64_t wanted = o.onesided ? f.n_fft / 2 + 1 : f.n_fft;
  if (given.re.dim(-2) != wanted || given.re.dim(-1) < 1) {
    fail(ErrorKind::kShape, "istft expects {} frequencies of at least 1 frame, got {}", wanted,
         shape_text(given.re.shape()));
  }
  const auto frames_first = [&](const Tensor& t) {
    return t.defined() ? transpose(batched ? t : unsqueeze(t, 0), 1, 2) : t;
  };
  const Complex x{frames_first(given.re), frames_first(given.im)};
  const std::string norm = o.normalized ? "ortho" : "backward";
  // Of a transform with all frequencies the first half counts: the signal is real.
  Tensor framed = fft::irfft(x, f.n_fft, -1, norm);
  if (f.window.defined()) framed = framed * f.window;

  const int64_t batch = framed.dim(0);
  const int64_t frames = framed.dim(1);
  const int64_t total = (frames - 1) * f.hop + f.n_fft;
  const Tensor at = sample_numbers(frames, f);
  const DType dtype = framed.dtype();
  const Tensor summed = index_add(zeros({batch, total}, dtype, framed.device()), 1, at,
                                  reshape(framed, {batch, frames * f.n_fft}));
  const Tensor window = f.window.defined() ? cast(f.window, dtype) : ones({f.n_fft}, dtype, framed.device());
  const Tensor squares = reshape(expand(square(window), {frames, f.n_fft}), {frames * f.n_fft});
  const Tensor weights = index_add(zeros({total}, dtype, framed.device()), 0, at, squares);

  const int64_t start = o.center ? f.n_fft / 2 : 0;
  const int64_t natural = total - start - (o.center && !length ? f.n_fft / 2 : 0);
  const int64_t size = std::min(length.value_or(natural), natural);
  if (size < 0) fail(ErrorKind::kShape, "istft expects a length of at least 0, got {}", size);
  const Tensor envelope = narrow(weights, 0, start, size);
  if (!envelope.is_meta() && size > 0) {
    const NoGrad guard;
    if (amin(abs(envelope)).item() < 1e-11) {
      fail(ErrorKind::kNumeric, "istft: the windows leave a gap: their squares add up to 0 somewhere");
    }
  }
  Tensor y = narrow(summed, 1, start, size) / envelope;
  if (length && *length > size) y = pad(y, {0, *length - size});
  return batched ? y : squeeze(y, 0);
}

namespace window {
namespace {

DType checked(DType dtype) {
  if (dtype != DType::kFloat32 && dtype != DType::kFloat64) {
    fail(ErrorKind::kDtype, "a window is float32 or float64, not {}", dtype_name(dtype));
  }
  return dtype;
}

/// f(k, points - 1) for k below n, where a periodic window has a point more.
Tensor sampled(int64_t n, bool periodic, DType dtype, const std::function<double(double, double)>& f) {
  if (n < 0) fail(ErrorKind::kShape, "a window has at least 0 points, got {}", n);
  const DType wanted = checked(dtype);
  const Tensor window = Tensor::empty({n}, DType::kFloat64);
  double* const v = window.data<double>();
  const auto last = static_cast<double>(periodic ? n : n - 1);
  for (int64_t k = 0; k < n; ++k) v[k] = n == 1 ? 1 : f(static_cast<double>(k), last);
  return cast(window, wanted);
}

}  // namespace

Tensor bartlett(int64_t n, bool periodic, DType dtype) {
  return sampled(n, periodic, dtype, [](double k, double last) { return 1 - std::abs(2 * k / last - 1); });
}

Tensor general_cosine(int64_t n, const std::vector<double>& a, bool periodic, DType dtype) {
  if (a.empty()) fail(ErrorKind::kConfig, "general_cosine expects at least one coefficient");
  return sampled(n, periodic, dtype, [&](double k, double last) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      sum += (i % 2 == 0 ? a[i] : -a[i]) * std::cos(2 * std::numbers::pi * static_cast<double>(i) * k / last);
    }
    return sum;
  });
}

Tensor hann(int64_t n, bool periodic, DType dtype) { return general_cosine(n, {0.5, 0.5}, periodic, dtype); }

Tensor hamming(int64_t n, bool periodic, double alpha, double beta, DType dtype) {
  return general_cosine(n, {alpha, beta}, periodic, dtype);
}

Tensor blackman(int64_t n, bool periodic, DType dtype) {
  return general_cosine(n, {0.42, 0.5, 0.08}, periodic, dtype);
}

Tensor nuttall(int64_t n, bool periodic, DType dtype) {
  return general_cosine(n, {0.3635819, 0.4891775, 0.1365995, 0.0106411}, periodic, dtype);
}

Tensor cosine(int64_t n, bool periodic, DType dtype) {
  return sampled(n, periodic, dtype,
                 [](double k, double last) { return std::sin(std::numbers::pi * (k + 0.5) / (last + 1)); });
}

Tensor kaiser(int64_t n, bool periodic, double beta, DType dtype) {
  const double b = std::abs(beta);
  return sampled(n, periodic, dtype, [b](double k, double last) {
    const double x = 2 * k / last - 1;
    const double y = b * std::sqrt(std::max(0.0, 1 - x * x));
    // Scaled by exp(-y), since I0 itself is infinite from 713.
    return special_math::i0e(y) / special_math::i0e(b) * std::exp(y - b);
  });
}

Tensor gaussian(int64_t n, double std, bool periodic, DType dtype) {
  if (!(std > 0))
    fail(ErrorKind::kConfig, "a gaussian window expects a standard deviation above 0, got {}", std);
  return sampled(n, periodic, dtype, [std](double k, double last) {
    const double x = (k - last / 2) / std;
    return std::exp(-x * x / 2);
  });
}

Tensor exponential(int64_t n, std::optional<double> center, double tau, bool periodic, DType dtype) {
  if (!(tau > 0)) fail(ErrorKind::kConfig, "an exponential window expects tau above 0, got {}", tau);
  if (center && !periodic) {
    fail(ErrorKind::kConfig, "an exponential window with a center of its own must be periodic");
  }
  if (n == 1 && center) return full({1}, std::exp(-std::abs(*center) / tau), checked(dtype));
  return sampled(n, periodic, dtype, [&](double k, double last) {
    return std::exp(-std::abs(k - center.value_or(last / 2)) / tau);
  });
}

}  // namespace window
}  // namespace dlb
