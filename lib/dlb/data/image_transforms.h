#pragma once
/// \file Transforms of shape and colour: flatten, pad, center_crop, resize, grayscale, to_rgb.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dlb/data/pixels.h"
#include "dlb/data/resample.h"
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

/// A border of `value`, of the edge's pixels, or of the image mirrored (reflect without its edge, symmetric
/// with it). Shapes: [C, H, W] -> [C, H + top + bottom, W + left + right].
struct Pad final : Transform {
  std::vector<int64_t> padding = {0};
  double value = 0;
  std::string mode = "constant";
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;
  /// Pixels added [top, bottom, left, right], once prepared.
  std::vector<int64_t> sides() const;
  /// Of a mode that takes the border from the image: the row (column) of the image at each of the result.
  std::vector<int64_t> source_rows() const { return sources(top_, in_.height, out_.height); }
  std::vector<int64_t> source_columns() const { return sources(left_, in_.width, out_.width); }

 private:
  /// Where position i of a padded side comes from.
  int64_t source(int64_t i, int64_t size) const;
  std::vector<int64_t> sources(int64_t before, int64_t size, int64_t padded) const;
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
  int64_t top() const;   ///< first row that is kept, once prepared
  int64_t left() const;  ///< first column

 private:
  DType type_ = DType::kUInt8;
  ImageShape in_;
  ImageShape out_;
};

/// Scaled to another size, pixel centres at halves. One value of `size` is the shorter side, and the longer
/// follows (int(size * long / short), at most max_size); two are height and width. Shapes: [C, H, W] -> [C,
/// H', W']. **Source**: torchvision's Resize of tensors.
struct Resize final : Transform {
  std::vector<int64_t> size;
  std::string interpolation = "bilinear";
  bool antialias = true;
  std::optional<int64_t> max_size;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;
  const Taps& rows() const { return rows_; }  ///< once prepared
  const Taps& columns() const { return columns_; }

 private:
  DType type_ = DType::kUInt8;
  ImageShape in_;
  ImageShape out_;
  Taps rows_;
  Taps columns_;
};

/// Height and width of an image of that size after Resize with one value: the shorter side becomes `size`.
std::pair<int64_t, int64_t> short_side_size(int64_t height, int64_t width, int64_t size);

/// y = 0.2989 R + 0.587 G + 0.114 B, bytes without their fraction. Shapes: [3, H, W] -> [channels, H, W]; of
/// [1, H, W] the value is repeated. **Source**: torchvision's Grayscale of tensors.
struct Grayscale final : Transform {
  int64_t channels = 1;
  static Fields fields();
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
