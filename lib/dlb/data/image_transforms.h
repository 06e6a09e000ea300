#pragma once
/// \file Transforms of shape and colour: flatten, pad, center_crop, resize, grayscale, to_rgb.

#include <vector>

#include "dlb/data/pixels.h"
#include "dlb/data/transform.h"

namespace dlb::data {

/// One row of values in logical order (channel by channel). Shapes: [*] -> [product of *].
struct Flatten final : Transform {
  static Fields fields() { return {}; }
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;

 private:
  TensorSpec in_;
};

/// A border of `value`. Shapes: [C, H, W] -> [C, H + top + bottom, W + left + right].
struct Pad final : Transform {
  std::vector<int64_t> padding = {0};
  double value = 0;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;

 private:
  DType type_ = DType::kUInt8;
  ImageShape in_;
  ImageShape out_;
  int64_t top_ = 0;
  int64_t left_ = 0;
};

/// The middle of the image. Shapes: [C, H, W] -> [C, size, size]. Errors: shape, when the image is smaller.
struct CenterCrop final : Transform {
  std::vector<int64_t> size;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;

 private:
  DType type_ = DType::kUInt8;
  ImageShape in_;
  ImageShape out_;
};

/// Bilinear, pixel centres at halves, not smoothed when shrinking (PyTorch's interpolate with
/// align_corners=False, antialias=False). Shapes: [C, H, W] -> [C, size, size].
struct Resize final : Transform {
  std::vector<int64_t> size;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;

 private:
  /// Where an output coordinate lies between two input ones.
  struct Tap {
    int64_t low;
    int64_t high;
    float weight;  ///< of `high`
  };
  static std::vector<Tap> taps(int64_t from, int64_t to);
  DType type_ = DType::kUInt8;
  ImageShape in_;
  ImageShape out_;
  std::vector<Tap> rows_;
  std::vector<Tap> columns_;
};

/// y = 0.299 R + 0.587 G + 0.114 B. Shapes: [3, H, W] -> [1, H, W]; [1, H, W] stays. **Source**: ITU-R
/// BT.601.
struct Grayscale final : Transform {
  static Fields fields() { return {}; }
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;

 private:
  DType type_ = DType::kUInt8;
  ImageShape in_;
};

/// The grey value three times. Shapes: [1, H, W] -> [3, H, W]; [3, H, W] stays.
struct ToRgb final : Transform {
  static Fields fields() { return {}; }
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;

 private:
  DType type_ = DType::kUInt8;
  ImageShape in_;
};

}  // namespace dlb::data
