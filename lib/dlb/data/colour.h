#pragma once
/// \file Changes of colour and sharpness with given parameters, as torchvision.transforms.functional computes
/// them for tensors.
///
/// All take an image of uint8 or float32 values and write one of the same shape; `in` and `out` do not
/// overlap. The largest value is 255 for bytes, 1 for floats. Results that torchvision makes of bytes by
/// truncation are truncated here too.

#include "dlb/data/pixels.h"

namespace dlb::data {

/// What the functions below work on.
struct PixelRun {
  DType type;
  ImageShape shape;
  const void* in;
  void* out;

  size_t bytes() const { return static_cast<size_t>(shape.values()) * dtype_size(type); }
};

/// l = 0.2989 R + 0.587 G + 0.114 B in each of `channels` channels of the result (which has its own shape).
void to_grey(const PixelRun& run, int64_t channels);
/// factor * x, limited.
void adjust_brightness(const PixelRun& run, double factor);
/// factor * x + (1 - factor) * mean of the grey image.
void adjust_contrast(const PixelRun& run, double factor);
/// factor * x + (1 - factor) * grey; a grey image stays.
void adjust_saturation(const PixelRun& run, double factor);
/// Turns the hue by `turn` of the colour circle, -0.5 to 0.5; a grey image stays.
void adjust_hue(const PixelRun& run, double turn);
/// factor * x + (1 - factor) * x smoothed by a 3x3 kernel of ones with 5 in the middle; the outermost pixels
/// stay, as do images of fewer than 3 rows or columns.
void adjust_sharpness(const PixelRun& run, double factor);
/// Largest value - x.
void invert(const PixelRun& run);
/// Keeps the `bits` high bits of bytes.
void posterize(const PixelRun& run, int64_t bits);
/// Inverts values of at least `threshold`.
void solarize(const PixelRun& run, double threshold);
/// Stretches each channel to the full range.
void autocontrast(const PixelRun& run);
/// Spreads the histogram of each channel of bytes evenly.
void equalize(const PixelRun& run);
/// Convolves rows and columns with exp(-x^2 / (2 sigma^2)), edges reflected. `kernel` is odd, and half of it
/// less than the side.
void gaussian_blur(const PixelRun& run, int64_t kernel_height, int64_t kernel_width, double sigma);

}  // namespace dlb::data
