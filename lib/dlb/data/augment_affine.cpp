#include <cmath>
#include <numbers>

#include "dlb/data/augment.h"

namespace dlb::data {

namespace {

/// A rotation (counter-clockwise) and scaling about the centre, followed by a shift in pixels.
struct AffineMap {
  double degrees = 0;
  double scale = 1;
  double shift_x = 0;
  double shift_y = 0;
};

/// A pixel, or `value` outside of the image.
template <class T>
float pixel(const T* x, const ImageShape& image, int64_t row, int64_t column, int64_t channel, float value) {
  if (row < 0 || row >= image.height || column < 0 || column >= image.width) return value;
  return static_cast<float>(x[row * image.row() + column * image.channels + channel]);
}

template <class T>
void warp(const T* in, T* out, const ImageShape& image, const AffineMap& map, float value) {
  // Output pixels are looked up where they come from: undo the shift, then the scaling, then the rotation.
  // Rows run downwards, so a counter-clockwise rotation has a negative sine here.
  const double angle = map.degrees * std::numbers::pi / 180;
  const double cosine = std::cos(angle) / map.scale, sine = std::sin(angle) / map.scale;
  const double centre_x = static_cast<double>(image.width - 1) / 2,
               centre_y = static_cast<double>(image.height - 1) / 2;
  for (int64_t row = 0; row < image.height; ++row) {
    for (int64_t column = 0; column < image.width; ++column) {
      const double dx = static_cast<double>(column) - centre_x - map.shift_x;
      const double dy = static_cast<double>(row) - centre_y - map.shift_y;
      const double x = cosine * dx - sine * dy + centre_x;
      const double y = sine * dx + cosine * dy + centre_y;
      const double left = std::floor(x), top = std::floor(y);
      const float wx = static_cast<float>(x - left), wy = static_cast<float>(y - top);
      // Far outside, the conversion to an integer must not overflow.
      const bool near = left >= -2 && top >= -2 && left <= static_cast<double>(image.width) &&
                        top <= static_cast<double>(image.height);
      const int64_t r = near ? static_cast<int64_t>(top) : -2, c = near ? static_cast<int64_t>(left) : -2;
      for (int64_t k = 0; k < image.channels; ++k) {
        const float upper =
            (1 - wx) * pixel(in, image, r, c, k, value) + wx * pixel(in, image, r, c + 1, k, value);
        const float lower =
            (1 - wx) * pixel(in, image, r + 1, c, k, value) + wx * pixel(in, image, r + 1, c + 1, k, value);
        *out++ = to_pixel<T>((1 - wy) * upper + wy * lower);
      }
    }
  }
}

void apply_map(DType type, const ImageShape& image, const void* in, void* out, const AffineMap& map,
               double value) {
  with_pixels(type, [&]<class T>(T) {
    const float fill = static_cast<float>(to_pixel<T>(static_cast<float>(value)));
    warp(static_cast<const T*>(in), static_cast<T*>(out), image, map, fill);
  });
}

double symmetric(RandomStream& random, double limit) { return (2 * random.uniform_double() - 1) * limit; }

}  // namespace

Fields RandomRotation::fields() {
  static const Field list[] = {
      required<&RandomRotation::degrees>("degrees", "largest angle, either way", between(0, 180)),
      field<&RandomRotation::value>("value", "value of pixels from outside the image"),
  };
  return list;
}

TensorSpec RandomRotation::prepare(const TensorSpec& in) {
  in_ = image_of("random_rotation", in);
  type_ = in.dtype;
  return in;
}

void RandomRotation::apply(const void* in, void* out, RandomStream& random) const {
  AffineMap map;
  map.degrees = symmetric(random, degrees);
  apply_map(type_, in_, in, out, map, value);
}

Fields RandomAffine::fields() {
  static const Field list[] = {
      field<&RandomAffine::degrees>("degrees", "largest angle, either way", between(0, 180)),
      field<&RandomAffine::translate>(
          "translate",
          "largest shift as a share of height and width: one for both, or [vertical, horizontal]",
          items(between(0, 1), 1, 2)),
      field<&RandomAffine::scale>("scale",
                                  "smallest and largest factor of size: [0.9, 1.1]; one: always that",
                                  items(between(0.01, 100), 1, 2)),
      field<&RandomAffine::value>("value", "value of pixels from outside the image"),
  };
  return list;
}

TensorSpec RandomAffine::prepare(const TensorSpec& in) {
  if (scale.front() > scale.back())
    fail(ErrorKind::kConfig, "random_affine: scale must give the smaller value first");
  in_ = image_of("random_affine", in);
  type_ = in.dtype;
  return in;
}

void RandomAffine::apply(const void* in, void* out, RandomStream& random) const {
  AffineMap map;
  map.degrees = symmetric(random, degrees);
  map.shift_y = symmetric(random, translate.front() * static_cast<double>(in_.height));
  map.shift_x = symmetric(random, translate.back() * static_cast<double>(in_.width));
  map.scale = scale.front() + (scale.back() - scale.front()) * random.uniform_double();
  apply_map(type_, in_, in, out, map, value);
}

}  // namespace dlb::data
