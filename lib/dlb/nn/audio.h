#pragma once
/// \file Spectra of sound.

#include "dlb/nn/layer.h"
#include "dlb/ops/signal.h"

namespace dlb::nn {

/// What layers that begin with a short-time Fourier transform share: see ops/signal.h. Shapes: samples [N, L]
/// or [N, 1, L] -> [N, frequencies, frames].
struct SpectrumBase : Layer {
  int64_t n_fft = 400;
  std::optional<int64_t> win_length;
  std::optional<int64_t> hop_length;
  std::string window = "hann";
  bool center = true;
  bool normalized = false;
  double power = 2;
  bool log = false;

 protected:
  void build_spectrum(Build& b, std::string_view layer);
  Complex transformed(const Tensor& x) const;
  /// |STFT|^power. Shapes: -> [N, n_fft / 2 + 1, frames].
  Tensor spectrum(const Tensor& x) const;
  /// log(x + 1e-6) where the layer says so.
  Tensor scaled(const Tensor& x) const;

 private:
  Tensor window_;
};

/// The transforms themselves. Outputs: real and imaginary parts.
struct Stft : SpectrumBase {
  static Fields fields();
  void build(Build& b) override { build_spectrum(b, "stft"); }
  Outputs run(Context& c, Inputs inputs) override;
};

struct Spectrogram : SpectrumBase {
  static Fields fields();
  void build(Build& b) override { build_spectrum(b, "spectrogram"); }
  Tensor forward(Context& c, const Tensor& x) override;
};

/// Energies in bands that are evenly spaced on the mel scale, m = 2595 log10(1 + f / 700) or Slaney's.
/// Shapes: [N, L] -> [N, n_mels, frames].
struct MelSpectrogram : SpectrumBase {
  int64_t n_mels = 128;
  int64_t sample_rate = 16000;
  double f_min = 0;
  std::optional<double> f_max;
  std::string mel_scale = "htk";
  std::string norm = "none";
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;

 private:
  Tensor filters_;  ///< [n_mels, n_fft / 2 + 1]
};

}  // namespace dlb::nn
