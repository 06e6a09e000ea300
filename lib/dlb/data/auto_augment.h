#pragma once
/// \file Random choices among fixed sets of augmentations: rand_augment, trivial_augment.

#include <string>

#include "dlb/data/transform.h"
#include "dlb/data/warp.h"

namespace dlb::data {

/// The changes that both choose among, in torchvision's order.
enum class AutoChange : uint8_t {
  kIdentity,
  kShearX,
  kShearY,
  kTranslateX,
  kTranslateY,
  kRotate,
  kBrightness,
  kColor,
  kContrast,
  kSharpness,
  kPosterize,
  kSolarize,
  kAutoContrast,
  kEqualize
};
inline constexpr int kAutoChanges = 14;

/// One change of given strength; bytes only.
void apply_change(const PixelRun& run, AutoChange change, double magnitude, const Sampling& sampling);

/// `num_ops` random changes, one after the other, all of one strength. Shapes: [C, H, W] uint8 -> [C, H, W].
/// **Source**: Cubuk et al., "RandAugment", 2020, as torchvision's RandAugment.
struct RandAugment final : Transform {
  int64_t num_ops = 2;
  int64_t magnitude = 9;
  int64_t num_magnitude_bins = 31;
  std::string interpolation = "nearest";
  double value = 0;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;
  bool random() const override { return true; }

 private:
  ImageShape in_;
};

/// One random change of random strength. Shapes: [C, H, W] uint8 -> [C, H, W]. **Source**: Müller & Hutter,
/// "TrivialAugment", ICCV 2021, as torchvision's TrivialAugmentWide.
struct TrivialAugment final : Transform {
  int64_t num_magnitude_bins = 31;
  std::string interpolation = "nearest";
  double value = 0;
  static Fields fields();
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;
  bool random() const override { return true; }

 private:
  ImageShape in_;
};

}  // namespace dlb::data
