#pragma once
/// \file What the transforms share: the geometry of an image and access to its two element types.

#include <cmath>
#include <string_view>
#include <type_traits>
#include <vector>

#include "dlb/base/error.h"
#include "dlb/data/dataset.h"

namespace dlb::data {

/// An image in memory: `height` rows of `width` pixels of `channels` values.
struct ImageShape {
  int64_t channels = 0;
  int64_t height = 0;
  int64_t width = 0;

  int64_t row() const { return width * channels; }
  int64_t values() const { return height * row(); }
};

/// Requires uint8 or float32. Errors: dtype, naming the transform.
void check_pixel_type(std::string_view transform, const TensorSpec& spec);
/// The geometry of an image of uint8 or float32. Errors: shape, dtype.
ImageShape image_of(std::string_view transform, const TensorSpec& spec);

/// Spec of an image that `transform` makes. Errors: shape, when it is too large to be meant.
TensorSpec image_result(std::string_view transform, const ImageShape& image, DType dtype);

/// Calls f(T{}) with the element type of `dtype`, which check_pixel_type has accepted.
template <class F>
void with_pixels(DType dtype, const F& f) {
  if (dtype == DType::kUInt8) {
    f(uint8_t{});
  } else {
    f(float{});
  }
}

/// A computed value as an element: bytes are rounded to nearest even and limited to 0..255.
template <class T>
T to_pixel(float value) {
  if constexpr (std::is_same_v<T, uint8_t>) {
    // The comparisons are false for NaN, which becomes 0.
    if (!(value > 0.0F)) return 0;
    return value < 255.0F ? static_cast<uint8_t>(std::nearbyint(value)) : uint8_t{255};
  } else {
    return value;
  }
}

/// A field of one or two values: [height, width], or one for both.
inline int64_t first_of(const std::vector<int64_t>& pair) { return pair.front(); }
inline int64_t second_of(const std::vector<int64_t>& pair) { return pair.back(); }

/// Largest height or width that a config may ask for.
inline constexpr int64_t kMaxSide = 65536;

}  // namespace dlb::data
