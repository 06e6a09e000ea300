#include "dlb/data/augment.h"
#include "dlb/data/image_transforms.h"
#include "dlb/data/value_transforms.h"

namespace dlb::data {

std::span<const TransformType> transform_types() {
  static const TransformType list[] = {
      type_info<Transform, ToFloat>("to_float", "divides by the largest value: bytes become 0 to 1"),
      type_info<Transform, Normalize>("normalize",
                                      "subtracts the mean and divides by the standard deviation"),
      type_info<Transform, Scale>("scale", "multiplies and adds"),
      type_info<Transform, Cast>("cast", "converts to another type"),
      type_info<Transform, Flatten>("flatten", "makes one row of values, channel by channel"),
      type_info<Transform, Pad>("pad", "adds a border"),
      type_info<Transform, CenterCrop>("center_crop", "cuts out the middle"),
      type_info<Transform, Resize>("resize", "scales an image to a size, bilinear"),
      type_info<Transform, Grayscale>("grayscale", "makes a colour image grey"),
      type_info<Transform, ToRgb>("to_rgb", "repeats a grey image in three channels"),
      type_info<Transform, RandomCrop>("random_crop", "cuts out a window at a random place"),
      type_info<Transform, RandomFlip>("random_flip", "mirrors at random"),
      type_info<Transform, RandomErasing>("random_erasing", "blanks out a random rectangle"),
      type_info<Transform, RandomRotation>("random_rotation", "rotates by a random angle"),
      type_info<Transform, RandomAffine>("random_affine", "rotates, scales and shifts at random"),
  };
  return list;
}

}  // namespace dlb::data
