#pragma once
/// \file Transforms of colour and sharpness: color_jitter, invert, posterize, solarize, adjust_sharpness,
/// autocontrast, equalize, gaussian_blur, random_grayscale.

#include <vector>

#include "dlb/data/colour.h"
#include "dlb/data/transform.h"

namespace dlb::data {

/// Common part: an image in, an image of the same shape out, changed with probability p.
struct Adjustment : Transform {
  double p = 1;
  TensorSpec prepare(const TensorSpec& in) final;
  void apply(const void* in, void* out, RandomStream& random) const final;
  bool random() const override { return p < 1; }

 protected:
  virtual const char* name() const = 0;
  virtual void check(const TensorSpec& in) const { static_cast<void>(in); }
  virtual void adjust(const PixelRun& run, RandomStream& random) const = 0;
  DType type_ = DType::kUInt8;
  ImageShape in_;
};

/// Brightness, contrast, saturation and hue changed by random factors, in random order. A factor b is drawn
/// from [max(0, 1 - b), 1 + b], or from the two values given; the hue turns by a value from [-h, h]. Shapes:
/// [C, H, W] -> [C, H, W] with 1 or 3 channels. **Source**: torchvision's ColorJitter.
struct ColorJitter final : Adjustment {
  std::vector<double> brightness = {0};
  std::vector<double> contrast = {0};
  std::vector<double> saturation = {0};
  std::vector<double> hue = {0};
  static Fields fields();
  bool random() const override { return true; }

 protected:
  const char* name() const override { return "color_jitter"; }
  void check(const TensorSpec& in) const override;
  void adjust(const PixelRun& run, RandomStream& random) const override;
};

/// Largest value - x. Shapes: [C, H, W] -> [C, H, W].
struct Invert final : Adjustment {
  static Fields fields();

 protected:
  const char* name() const override { return "invert"; }
  void adjust(const PixelRun& run, RandomStream&) const override { invert(run); }
};

/// Keeps only the high bits of bytes. Shapes: [C, H, W] uint8 -> [C, H, W].
struct Posterize final : Adjustment {
  int64_t bits = 4;
  static Fields fields();

 protected:
  const char* name() const override { return "posterize"; }
  void check(const TensorSpec& in) const override;
  void adjust(const PixelRun& run, RandomStream&) const override { posterize(run, bits); }
};

/// Inverts values of at least `threshold`. Shapes: [C, H, W] -> [C, H, W].
struct Solarize final : Adjustment {
  double threshold = 128;
  static Fields fields();

 protected:
  const char* name() const override { return "solarize"; }
  void check(const TensorSpec& in) const override;
  void adjust(const PixelRun& run, RandomStream&) const override { solarize(run, threshold); }
};

/// Between the image smoothed (0), itself (1) and sharper (above 1). Shapes: [C, H, W] -> [C, H, W].
struct AdjustSharpness final : Adjustment {
  double factor = 1;
  static Fields fields();

 protected:
  const char* name() const override { return "adjust_sharpness"; }
  void adjust(const PixelRun& run, RandomStream&) const override { adjust_sharpness(run, factor); }
};

/// Each channel stretched to the full range. Shapes: [C, H, W] -> [C, H, W].
struct Autocontrast final : Adjustment {
  static Fields fields();

 protected:
  const char* name() const override { return "autocontrast"; }
  void adjust(const PixelRun& run, RandomStream&) const override { autocontrast(run); }
};

/// Each channel's histogram made even. Shapes: [C, H, W] uint8 -> [C, H, W].
struct Equalize final : Adjustment {
  static Fields fields();

 protected:
  const char* name() const override { return "equalize"; }
  void check(const TensorSpec& in) const override;
  void adjust(const PixelRun& run, RandomStream&) const override { equalize(run); }
};

/// Smoothed by a Gaussian of a random width. Shapes: [C, H, W] -> [C, H, W].
struct GaussianBlur final : Adjustment {
  std::vector<int64_t> kernel_size;
  std::vector<double> sigma = {0.1, 2.0};
  static Fields fields();
  bool random() const override { return p < 1 || sigma.front() != sigma.back(); }

 protected:
  const char* name() const override { return "gaussian_blur"; }
  void check(const TensorSpec& in) const override;
  void adjust(const PixelRun& run, RandomStream& random) const override;
};

/// Grey in all three channels, with probability p. Shapes: [3, H, W] -> [3, H, W].
struct RandomGrayscale final : Adjustment {
  RandomGrayscale() { p = 0.1; }
  static Fields fields();
  bool random() const override { return true; }

 protected:
  const char* name() const override { return "random_grayscale"; }
  void adjust(const PixelRun& run, RandomStream&) const override { to_grey(run, run.shape.channels); }
};

}  // namespace dlb::data
