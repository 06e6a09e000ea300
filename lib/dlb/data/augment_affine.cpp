#include <cmath>
#include <cstring>

#include "dlb/data/augment.h"
#include "dlb/data/warp.h"

namespace dlb::data {

namespace {

double between_two(RandomStream& random, double low, double high) {
  return low + (high - low) * random.uniform_double();
}

/// A field of one value, for -value to value, or of two, low and high.
double draw(RandomStream& random, const std::vector<double>& range) {
  const double low = range.size() == 1 ? -range[0] : range[0];
  return between_two(random, low, range.back());
}

void check_order(const char* name, const char* field, const std::vector<double>& range) {
  if (range.size() == 1 && range[0] < 0)
    fail(ErrorKind::kConfig, "{}: {} is {}; expected a value of at least 0, or [low, high]", name, field,
         range[0]);
  if (range.front() > range.back())
    fail(ErrorKind::kConfig, "{}: {} must give the smaller value first", name, field);
}

template <auto Interpolation, auto Value>
std::array<Field, 2> sampling_fields() {
  return {field<Interpolation>("interpolation", "how values between pixels are made", sampling_names()),
          field<Value>("value", "value of pixels from outside the image")};
}

}  // namespace

Fields RandomRotation::fields() {
  static const auto more = sampling_fields<&RandomRotation::interpolation, &RandomRotation::value>();
  static const Field list[] = {required<&RandomRotation::degrees>(
                                   "degrees", "largest angle either way, or [low, high]; counter-clockwise",
                                   items(between(-360, 360), 1, 2)),
                               more[0], more[1]};
  return list;
}

TensorSpec RandomRotation::prepare(const TensorSpec& in) {
  check_order("random_rotation", "degrees", degrees);
  in_ = image_of("random_rotation", in);
  type_ = in.dtype;
  return in;
}

void RandomRotation::apply(const void* in, void* out, RandomStream& random) const {
  AffineParameters map;
  map.degrees = -draw(random, degrees);
  warp_affine({type_, in_, in, out}, inverse_affine(map), {interpolation == "nearest", value});
}

Fields RandomAffine::fields() {
  static const auto more = sampling_fields<&RandomAffine::interpolation, &RandomAffine::value>();
  static const Field list[] = {
      field<&RandomAffine::degrees>("degrees", "largest angle either way, or [low, high]; clockwise",
                                    items(between(-360, 360), 1, 2)),
      field<&RandomAffine::translate>(
          "translate",
          "largest shift as a share of height and width: one for both, or [vertical, horizontal]",
          items(between(0, 1), 1, 2)),
      field<&RandomAffine::scale>("scale",
                                  "smallest and largest factor of size: [0.9, 1.1]; one: always that",
                                  items(between(0.01, 100), 1, 2)),
      field<&RandomAffine::shear>(
          "shear", "largest shear along x in degrees, or [low, high], or [x low, x high, y low, y high]",
          items(between(-89, 89), 1, 4)),
      more[0],
      more[1]};
  return list;
}

TensorSpec RandomAffine::prepare(const TensorSpec& in) {
  check_order("random_affine", "degrees", degrees);
  if (scale.front() > scale.back())
    fail(ErrorKind::kConfig, "random_affine: scale must give the smaller value first");
  if (shear.size() == 3) fail(ErrorKind::kConfig, "random_affine: shear has 3 values; expected 1, 2 or 4");
  check_order("random_affine", "shear",
              {shear.begin(), shear.begin() + static_cast<int64_t>(std::min<size_t>(shear.size(), 2))});
  if (shear.size() == 4) check_order("random_affine", "shear", {shear[2], shear[3]});
  in_ = image_of("random_affine", in);
  type_ = in.dtype;
  return in;
}

void RandomAffine::apply(const void* in, void* out, RandomStream& random) const {
  AffineParameters map;
  map.degrees = draw(random, degrees);
  // Whole pixels, so that shifts alone do not blur.
  map.shift_y = std::nearbyint(draw(random, {translate.front() * static_cast<double>(in_.height)}));
  map.shift_x = std::nearbyint(draw(random, {translate.back() * static_cast<double>(in_.width)}));
  map.scale = between_two(random, scale.front(), scale.back());
  const bool both = shear.size() == 4;
  if (both || shear.back() != 0 || shear.front() != 0) {
    map.shear_x = both ? between_two(random, shear[0], shear[1]) : draw(random, shear);
    if (both) map.shear_y = between_two(random, shear[2], shear[3]);
  }
  warp_affine({type_, in_, in, out}, inverse_affine(map), {interpolation == "nearest", value});
}

Fields RandomPerspective::fields() {
  static const auto more = sampling_fields<&RandomPerspective::interpolation, &RandomPerspective::value>();
  static const Field list[] = {
      field<&RandomPerspective::distortion_scale>(
          "distortion_scale", "0: none; 1: corners may meet in the middle", between(0, 1)),
      field<&RandomPerspective::p>("p", "probability", between(0, 1)), more[0], more[1]};
  return list;
}

TensorSpec RandomPerspective::prepare(const TensorSpec& in) {
  in_ = image_of("random_perspective", in);
  type_ = in.dtype;
  return in;
}

void RandomPerspective::apply(const void* in, void* out, RandomStream& random) const {
  const PixelRun run{type_, in_, in, out};
  if (!(random.uniform_double() < p)) {
    std::memcpy(out, in, run.bytes());
    return;
  }
  // Whole pixels, as torchvision draws them.
  const int64_t reach_x = static_cast<int64_t>(distortion_scale * static_cast<double>(in_.width / 2)),
                reach_y = static_cast<int64_t>(distortion_scale * static_cast<double>(in_.height / 2));
  const double right = static_cast<double>(in_.width - 1), bottom = static_cast<double>(in_.height - 1);
  const Corners from = {{{0, 0}, {right, 0}, {right, bottom}, {0, bottom}}};
  Corners to = from;
  for (std::array<double, 2>& corner : to) {
    const double dx = static_cast<double>(random.below(static_cast<uint64_t>(reach_x) + 1));
    const double dy = static_cast<double>(random.below(static_cast<uint64_t>(reach_y) + 1));
    corner[0] += corner[0] > 0 ? -dx : dx;
    corner[1] += corner[1] > 0 ? -dy : dy;
  }
  warp_perspective(run, perspective_coefficients(from, to), {interpolation == "nearest", value});
}

}  // namespace dlb::data
