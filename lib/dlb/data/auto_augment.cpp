#include "dlb/data/auto_augment.h"

#include <cmath>
#include <cstring>
#include <numbers>

#include "dlb/data/scratch.h"

namespace dlb::data {

namespace {

double arc_degrees(double tangent) { return std::atan(tangent) * 180 / std::numbers::pi; }

/// How strong each change is at bin `i` of `bins`, and whether its sign is drawn.
struct Strength {
  double magnitude;
  bool is_signed;
};

/// Limits of the strengths; RandAugment's shifts grow with the image.
struct Ranges {
  double shear;
  double shift_x;
  double shift_y;
  double angle;
  double factor;
  double dropped_bits;
};

Strength strength(AutoChange change, const Ranges& ranges, int64_t i, int64_t bins) {
  const double part = static_cast<double>(i) / static_cast<double>(bins - 1);
  switch (change) {
    case AutoChange::kShearX:
    case AutoChange::kShearY:
      return {ranges.shear * part, true};
    case AutoChange::kTranslateX:
      return {ranges.shift_x * part, true};
    case AutoChange::kTranslateY:
      return {ranges.shift_y * part, true};
    case AutoChange::kRotate:
      return {ranges.angle * part, true};
    case AutoChange::kBrightness:
    case AutoChange::kColor:
    case AutoChange::kContrast:
    case AutoChange::kSharpness:
      return {ranges.factor * part, true};
    case AutoChange::kPosterize:
      return {8 - std::nearbyint(ranges.dropped_bits * part), false};
    case AutoChange::kSolarize:
      return {255 * (1 - part), false};
    default:
      return {0, false};
  }
}

ImageShape prepare_bytes(const char* name, const TensorSpec& in) {
  const ImageShape image = image_of(name, in);
  if (image.channels != 1 && image.channels != 3)
    fail(ErrorKind::kShape, "{} expects an image of 1 or 3 channels, got {}", name, spec_text(in));
  if (in.dtype != DType::kUInt8) {
    Error error(ErrorKind::kDtype, fmt::format("{} expects uint8 values, got {}", name, spec_text(in)));
    error.hint = "augment acts before transforms, so the source must give bytes";
    throw error;
  }
  return image;
}

AutoChange draw_change(RandomStream& random) { return static_cast<AutoChange>(random.below(kAutoChanges)); }

double draw_sign(const Strength& s, RandomStream& random) {
  return s.is_signed && random.below(2) == 1 ? -s.magnitude : s.magnitude;
}

}  // namespace

void apply_change(const PixelRun& run, AutoChange change, double magnitude, const Sampling& sampling) {
  AffineParameters map;
  // Shears keep the top left corner, as the policies were published.
  const auto shear = [&] {
    map.centre_x = -0.5 * static_cast<double>(run.shape.width);
    map.centre_y = -0.5 * static_cast<double>(run.shape.height);
  };
  switch (change) {
    case AutoChange::kIdentity:
      std::memcpy(run.out, run.in, run.bytes());
      return;
    case AutoChange::kShearX:
      shear();
      map.shear_x = arc_degrees(magnitude);
      break;
    case AutoChange::kShearY:
      shear();
      map.shear_y = arc_degrees(magnitude);
      break;
    case AutoChange::kTranslateX:
      map.shift_x = std::trunc(magnitude);
      break;
    case AutoChange::kTranslateY:
      map.shift_y = std::trunc(magnitude);
      break;
    case AutoChange::kRotate:
      map.degrees = -magnitude;
      break;
    case AutoChange::kBrightness:
      return adjust_brightness(run, 1 + magnitude);
    case AutoChange::kColor:
      return adjust_saturation(run, 1 + magnitude);
    case AutoChange::kContrast:
      return adjust_contrast(run, 1 + magnitude);
    case AutoChange::kSharpness:
      return adjust_sharpness(run, 1 + magnitude);
    case AutoChange::kPosterize:
      return posterize(run, static_cast<int64_t>(magnitude));
    case AutoChange::kSolarize:
      return solarize(run, magnitude);
    case AutoChange::kAutoContrast:
      return autocontrast(run);
    case AutoChange::kEqualize:
      return equalize(run);
  }
  warp_affine(run, inverse_affine(map), sampling);
}

Fields RandAugment::fields() {
  static const Field list[] = {
      field<&RandAugment::num_ops>("num_ops", "changes of each sample", between(0, 100)),
      field<&RandAugment::magnitude>("magnitude", "strength of all changes, below num_magnitude_bins",
                                     non_negative()),
      field<&RandAugment::num_magnitude_bins>("num_magnitude_bins", "number of strengths", between(2, 1e6)),
      field<&RandAugment::interpolation>("interpolation", "how values between pixels are made",
                                         sampling_names()),
      field<&RandAugment::value>("value", "value of pixels from outside the image"),
  };
  return list;
}

TensorSpec RandAugment::prepare(const TensorSpec& in) {
  in_ = prepare_bytes("rand_augment", in);
  if (magnitude >= num_magnitude_bins) {
    fail(ErrorKind::kConfig, "rand_augment: magnitude is {}; expected 0 to {}, one below num_magnitude_bins",
         magnitude, num_magnitude_bins - 1);
  }
  return in;
}

void RandAugment::apply(const void* in, void* out, RandomStream& random) const {
  // The shares are those of the first experiments, of 150 pixels in pictures of 331.
  const Ranges ranges{0.3,
                      150.0 / 331.0 * static_cast<double>(in_.width),
                      150.0 / 331.0 * static_cast<double>(in_.height),
                      30,
                      0.9,
                      4};
  PixelRun run{DType::kUInt8, in_, in, out};
  if (num_ops == 0) std::memcpy(out, in, run.bytes());
  Scratch scratch(run.bytes());
  for (int64_t i = 0; i < num_ops; ++i) {
    run.out = (num_ops - 1 - i) % 2 == 0 ? out : scratch.data();
    const AutoChange change = draw_change(random);
    const Strength s = strength(change, ranges, magnitude, num_magnitude_bins);
    apply_change(run, change, draw_sign(s, random), {interpolation == "nearest", value});
    run.in = run.out;
  }
}

Fields TrivialAugment::fields() {
  static const Field list[] = {
      field<&TrivialAugment::num_magnitude_bins>("num_magnitude_bins", "number of strengths",
                                                 between(2, 1e6)),
      field<&TrivialAugment::interpolation>("interpolation", "how values between pixels are made",
                                            sampling_names()),
      field<&TrivialAugment::value>("value", "value of pixels from outside the image"),
  };
  return list;
}

TensorSpec TrivialAugment::prepare(const TensorSpec& in) {
  in_ = prepare_bytes("trivial_augment", in);
  return in;
}

void TrivialAugment::apply(const void* in, void* out, RandomStream& random) const {
  constexpr Ranges kRanges{0.99, 32, 32, 135, 0.99, 6};
  const AutoChange change = draw_change(random);
  const int64_t bin = static_cast<int64_t>(random.below(static_cast<uint64_t>(num_magnitude_bins)));
  const Strength s = strength(change, kRanges, bin, num_magnitude_bins);
  apply_change({DType::kUInt8, in_, in, out}, change, draw_sign(s, random),
               {interpolation == "nearest", value});
}

}  // namespace dlb::data
