#pragma once
/// \file Transforms that draw random numbers, for training samples: random_crop, random_flip, random_erasing,
/// random_rotation, random_affine, random_perspective, random_resized_crop.

#include <vector>

#include "dlb/data/pixels.h"
#include "dlb/data/transform.h"

namespace dlb::data {

/// Common part: an image in, an image out, and its type.
struct ImageAugment : Transform {
  bool random() const override { return true; }

 protected:
  DType type_ = DType::kUInt8;
  ImageShape in_;
};

/// A window at a random place of the image, which is padded first. Shapes: [C, H, W] -> [C, size, size].
struct RandomCrop final : ImageAugment {
  std::vector<int64_t> size;
  std::vector<int64_t> padding = {0};
  double value = 0;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;

 private:
  ImageShape out_;
};

/// Mirrored with probability p. Shapes: [C, H, W] -> [C, H, W].
struct RandomFlip final : ImageAugment {
  double p = 0.5;
  std::string axis = "horizontal";
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;
};

/// A random rectangle replaced by `value`, with probability p. Shapes: [C, H, W] -> [C, H, W].
/// **Source**: Zhong et al., "Random erasing data augmentation", AAAI 2020.
struct RandomErasing final : ImageAugment {
  double p = 0.5;
  std::vector<double> scale = {0.02, 0.33};
  std::vector<double> ratio = {0.3, 3.3};
  double value = 0;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;
};

/// Rotated counter-clockwise by an angle from [-degrees, degrees], or [low, high]. Shapes: [C, H, W] -> [C,
/// H, W]. **Source**: torchvision's RandomRotation.
struct RandomRotation final : ImageAugment {
  std::vector<double> degrees;
  std::string interpolation = "nearest";
  double value = 0;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;
};

/// Rotated clockwise, scaled and sheared at random about the centre, then shifted by whole pixels. Shapes:
/// [C, H, W] -> [C, H, W]. **Source**: torchvision's RandomAffine.
struct RandomAffine final : ImageAugment {
  std::vector<double> degrees = {0};
  std::vector<double> translate = {0};
  std::vector<double> scale = {1};
  std::vector<double> shear = {0};
  std::string interpolation = "nearest";
  double value = 0;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;
};

/// Seen from another side: each corner moves inwards by up to distortion_scale / 2 of the side, with
/// probability p. Shapes: [C, H, W] -> [C, H, W]. **Source**: torchvision's RandomPerspective.
struct RandomPerspective final : ImageAugment {
  double distortion_scale = 0.5;
  double p = 0.5;
  std::string interpolation = "bilinear";
  double value = 0;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;
};

/// A random window of another area and shape, scaled to `size`. Shapes: [C, H, W] -> [C, size, size].
/// **Source**: Szegedy et al., "Going deeper with convolutions", CVPR 2015, as torchvision's
/// RandomResizedCrop.
struct RandomResizedCrop final : ImageAugment {
  std::vector<int64_t> size;
  std::vector<double> scale = {0.08, 1.0};
  std::vector<double> ratio = {3.0 / 4.0, 4.0 / 3.0};
  std::string interpolation = "bilinear";
  bool antialias = true;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;

 private:
  ImageShape out_;
};

}  // namespace dlb::data
