#pragma once
/// \file Transforms of sound, [T] or [1, T] float32: resample, pad_or_trim, and the random ones
/// random_time_shift, random_noise, random_gain.

#include <string>
#include <vector>

#include "dlb/data/transform.h"

namespace dlb::data {

/// Requires sound, [T] or [1, T] of float32, and returns T. Errors: shape, dtype, naming the transform.
int64_t sound_length(std::string_view transform, const TensorSpec& spec);

/// Another sample rate, by a windowed sinc filter: y[n] = sum_k x[k] h(k / from - n / to). Shapes: [T] ->
/// [ceil(T to / from)]. **Source**: J. O. Smith, "Digital audio resampling"; torchaudio's resample with
/// sinc_interp_hann.
struct ResampleSound final : Transform {
  int64_t from = 0;
  int64_t to = 0;
  int64_t lowpass_filter_width = 6;
  double rolloff = 0.99;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;

 private:
  int64_t length_ = 0, out_length_ = 0, step_ = 1, phases_ = 1, width_ = 0;
  std::vector<float> kernel_;  ///< [phases_, 2 width_ + step_]
};

/// Exactly `length` values: shorter sound is filled up, longer cut. Shapes: [T] -> [length].
struct PadOrTrim final : Transform {
  int64_t length = 0;
  double value = 0;
  std::string align = "start";
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;
  bool random() const override { return align == "random"; }

 private:
  int64_t length_ = 0;
};

/// Common part of the random ones, which keep the shape.
struct SoundAugment : Transform {
  bool random() const override { return true; }

 protected:
  int64_t length_ = 0;
};

/// Moved earlier or later by up to `max` values; zeros come in. Shapes: [T] -> [T].
struct RandomTimeShift final : SoundAugment {
  int64_t max = 0;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;
};

/// y = x + std n, n normal; std drawn between two values where two are given. Shapes: [T] -> [T].
struct RandomNoise final : SoundAugment {
  std::vector<double> std = {0.01};
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;
};

/// y = x 10^(g / 20), g from [-db, db] or [low, high]. Shapes: [T] -> [T].
struct RandomGain final : SoundAugment {
  std::vector<double> db;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;
};

}  // namespace dlb::data
