#pragma once
/// \file Short-time Fourier transforms and window functions.

#include <optional>
#include <string>

#include "dlb/ops/fft.h"

namespace dlb {

struct StftOptions {
  int64_t n_fft = 0;
  std::optional<int64_t> hop_length = {};  ///< default n_fft / 4
  std::optional<int64_t> win_length = {};  ///< default n_fft
  Tensor window = {};                      ///< [win_length], default ones; centred in n_fft points
  bool center = true;                      ///< frame t is centred at t * hop_length
  std::string pad_mode =
      "reflect";            ///< what lies beyond the ends: reflect, replicate, constant (0) or circular
  bool normalized = false;  ///< divides by sqrt(n_fft)
  bool onesided = true;     ///< frequencies 0 to n_fft / 2
};

/// The transforms of windowed frames. Shapes: x [samples] or [batch, samples] -> [frequencies, frames] or
/// [batch, frequencies, frames]. Errors: shape (too short a signal, hop or window out of range), dtype,
/// config (pad_mode).
Complex stft(const Tensor& x, const StftOptions& options);
/// Of complex samples: not onesided.
Complex stft(const Complex& x, const StftOptions& options);
/// The signal of which stft() gives `x`, by least squares: frames are windowed, added and divided by the sum
/// of squared windows; pad_mode does not matter, and of all frequencies, where they are given, the first half
/// counts. `length` cuts the signal or adds zeros. Errors: numeric
/// where the windows leave a gap.
Tensor istft(const Complex& x, const StftOptions& options, std::optional<int64_t> length = {});

/// Windows [n]; `periodic` ones are those of n + 1 points without the last. float32 and float64.
namespace window {
Tensor bartlett(int64_t n, bool periodic = true, DType dtype = DType::kFloat32);
Tensor hann(int64_t n, bool periodic = true, DType dtype = DType::kFloat32);
Tensor hamming(int64_t n, bool periodic = true, double alpha = 0.54, double beta = 0.46,
               DType dtype = DType::kFloat32);
Tensor blackman(int64_t n, bool periodic = true, DType dtype = DType::kFloat32);
Tensor nuttall(int64_t n, bool periodic = true, DType dtype = DType::kFloat32);
Tensor cosine(int64_t n, bool periodic = true, DType dtype = DType::kFloat32);
/// sum_i (-1)^i a_i cos(2 pi i k / (n - 1))
Tensor general_cosine(int64_t n, const std::vector<double>& a, bool periodic = true,
                      DType dtype = DType::kFloat32);
/// I0(beta sqrt(1 - (2 k / (n - 1) - 1)^2)) / I0(beta), I0 a modified Bessel function.
Tensor kaiser(int64_t n, bool periodic = true, double beta = 12, DType dtype = DType::kFloat32);
Tensor gaussian(int64_t n, double std = 1, bool periodic = true, DType dtype = DType::kFloat32);
/// exp(-|k - center| / tau), center (n - 1) / 2 by default; another one is for periodic windows.
Tensor exponential(int64_t n, std::optional<double> center = {}, double tau = 1, bool periodic = true,
                   DType dtype = DType::kFloat32);
}  // namespace window

}  // namespace dlb
