#pragma once
/// \file Transforms that draw random numbers, for training samples: random_crop, random_flip, random_erasing,
/// random_rotation, random_affine.

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

/// Rotated by an angle from [-degrees, degrees]. Shapes: [C, H, W] -> [C, H, W].
struct RandomRotation final : ImageAugment {
  double degrees = 0;
  double value = 0;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;
};

/// Rotated, scaled and shifted at random about the centre. Shapes: [C, H, W] -> [C, H, W].
struct RandomAffine final : ImageAugment {
  double degrees = 0;
  std::vector<double> translate = {0};
  std::vector<double> scale = {1};
  double value = 0;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;
};

}  // namespace dlb::data
