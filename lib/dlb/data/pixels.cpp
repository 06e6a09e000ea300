#include "dlb/data/pixels.h"

namespace dlb::data {

void check_pixel_type(std::string_view transform, const TensorSpec& spec) {
  if (spec.dtype != DType::kUInt8 && spec.dtype != DType::kFloat32) {
    fail(ErrorKind::kDtype, "{} expects uint8 or float32 values, got {}", transform, spec_text(spec));
  }
}

ImageShape image_of(std::string_view transform, const TensorSpec& spec) {
  if (spec.rank() != 3)
    fail(ErrorKind::kShape, "{} expects an image [C, H, W], got {}", transform, spec_text(spec));
  check_pixel_type(transform, spec);
  return {spec.dim(0), spec.dim(1), spec.dim(2)};
}

TensorSpec image_result(std::string_view transform, const ImageShape& image, DType dtype) {
  constexpr int64_t kMaxValues = int64_t{1} << 28;
  // Sides are bounded by the fields and by the source, so their product fits.
  if (image.height * image.width > kMaxValues / image.channels) {
    fail(ErrorKind::kShape, "{} would make images [{}, {}, {}], more than {} values each", transform,
         image.channels, image.height, image.width, kMaxValues);
  }
  return image_spec(image.channels, image.height, image.width, dtype);
}

}  // namespace dlb::data
