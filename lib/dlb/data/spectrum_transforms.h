#pragma once
/// \file Features of sound: spectrogram, mel_spectrogram, mfcc, and spec_augment of them.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dlb/data/fourier.h"
#include "dlb/data/transform.h"

namespace dlb::data {

/// Short-time spectra: S[f, t] = |sum_i w[i] x[t hop + i - n_fft / 2] exp(-2 pi sqrt(-1) f i / n_fft)|^power
/// with a periodic Hann window w and the sound mirrored at its ends. Shapes: [T] -> [n_fft / 2 + 1, T / hop +
/// 1]; [1, T] -> [1, n_fft / 2 + 1, T / hop + 1]. **Source**: torchaudio's Spectrogram.
struct Spectrogram : Transform {
  int64_t n_fft = 400;
  std::optional<int64_t> win_length;
  std::optional<int64_t> hop_length;
  double power = 2;
  std::string scale = "power";
  double top_db = 80;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;

 protected:
  static std::vector<Field> common_fields();
  /// Checks the input and plans the spectra. Errors: shape, dtype, config, naming `name`.
  void plan(const char* name, const TensorSpec& in);
  TensorSpec result(const TensorSpec& in, int64_t rows) const;
  /// Calls take(t, spectrum) with the n_fft / 2 + 1 values of each frame in turn.
  template <class F>
  void each_frame(const float* sound, const F& take) const;
  /// As `scale` says, of `rows` rows of frames() values.
  void rescale(float* values, int64_t rows) const;
  int64_t frames() const { return frames_; }
  int64_t bins() const { return n_fft / 2 + 1; }

 private:
  int64_t length_ = 0, hop_ = 0, frames_ = 0;
  std::vector<float> window_;  ///< n_fft values
  std::shared_ptr<const Fourier> fourier_;
};

/// Spectra summed over triangular bands that are evenly spaced in mel = 2595 log10(1 + f / 700). Shapes: [T]
/// -> [n_mels, T / hop + 1]; [1, T] -> [1, n_mels, T / hop + 1]. **Source**: torchaudio's MelSpectrogram.
struct MelSpectrogram : Spectrogram {
  int64_t sample_rate = 16000;
  int64_t n_mels = 128;
  double f_min = 0;
  std::optional<double> f_max;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;

 protected:
  static std::vector<Field> mel_fields();
  void plan_bands(const char* name, const TensorSpec& in);
  void mel(const float* sound, float* out) const;

 private:
  struct Band {
    int64_t first = 0;
    std::vector<float> weights;
  };
  std::vector<Band> bands_;
};

/// Mel-frequency cepstral coefficients: the orthonormal discrete cosine transform of the mel spectrogram in
/// decibels (top_db below the loudest at most). Shapes: as MelSpectrogram with n_mfcc rows. **Source**:
/// torchaudio's MFCC.
struct Mfcc final : MelSpectrogram {
  int64_t n_mfcc = 40;
  Mfcc() { scale = "db"; }
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;

 private:
  std::vector<float> cosines_;  ///< [n_mfcc, n_mels]
};

/// Random bands of frequencies and stretches of time replaced by `value`. Shapes: [F, T] -> [F, T]; [1, F, T]
/// -> [1, F, T]. **Source**: Park et al., "SpecAugment", Interspeech 2019.
struct SpecAugment final : Transform {
  int64_t freq_masks = 1;
  int64_t freq_width = 8;
  int64_t time_masks = 1;
  int64_t time_width = 16;
  double value = 0;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;
  bool random() const override { return true; }

 private:
  int64_t rows_ = 0, columns_ = 0;
};

}  // namespace dlb::data
