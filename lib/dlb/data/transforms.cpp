#include "dlb/data/augment.h"
#include "dlb/data/auto_augment.h"
#include "dlb/data/colour_transforms.h"
#include "dlb/data/containers.h"
#include "dlb/data/image_transforms.h"
#include "dlb/data/sound_transforms.h"
#include "dlb/data/spectrum_transforms.h"
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
      type_info<Transform, Resize>("resize", "scales an image to a size"),
      type_info<Transform, Grayscale>("grayscale", "makes a colour image grey"),
      type_info<Transform, ToRgb>("to_rgb", "repeats a grey image in three channels"),
      type_info<Transform, Invert>("invert", "makes light dark and dark light"),
      type_info<Transform, Posterize>("posterize", "keeps the high bits of bytes"),
      type_info<Transform, Solarize>("solarize", "inverts the light values"),
      type_info<Transform, AdjustSharpness>("adjust_sharpness", "smooths or sharpens"),
      type_info<Transform, Autocontrast>("autocontrast", "stretches each channel to the full range"),
      type_info<Transform, Equalize>("equalize", "spreads each channel's values evenly"),
      type_info<Transform, GaussianBlur>("gaussian_blur", "smooths by a Gaussian"),
      type_info<Transform, ResampleSound>("resample", "gives sound another sample rate"),
      type_info<Transform, PadOrTrim>("pad_or_trim", "gives sound a fixed length"),
      type_info<Transform, Spectrogram>("spectrogram", "makes short-time spectra of sound"),
      type_info<Transform, MelSpectrogram>("mel_spectrogram", "makes spectra in bands as the ear has them"),
      type_info<Transform, Mfcc>("mfcc", "makes mel-frequency cepstral coefficients of sound"),
      type_info<Transform, RandomCrop>("random_crop", "cuts out a window at a random place"),
      type_info<Transform, RandomFlip>("random_flip", "mirrors at random"),
      type_info<Transform, RandomErasing>("random_erasing", "blanks out a random rectangle"),
      type_info<Transform, RandomRotation>("random_rotation", "rotates by a random angle"),
      type_info<Transform, RandomAffine>("random_affine", "rotates, scales, shears and shifts at random"),
      type_info<Transform, RandomPerspective>("random_perspective", "shows the image from another side"),
      type_info<Transform, RandomResizedCrop>("random_resized_crop",
                                              "cuts out a window of random size and shape, and scales it"),
      type_info<Transform, ColorJitter>("color_jitter",
                                        "changes brightness, contrast, saturation and hue at random"),
      type_info<Transform, RandomGrayscale>("random_grayscale",
                                            "makes a colour image grey at random, keeping 3 channels"),
      type_info<Transform, RandAugment>("rand_augment", "some random changes of given strength"),
      type_info<Transform, TrivialAugment>("trivial_augment", "one random change of random strength"),
      type_info<Transform, RandomTimeShift>("random_time_shift", "moves sound in time at random"),
      type_info<Transform, RandomNoise>("random_noise", "adds normal noise to floats"),
      type_info<Transform, RandomGain>("random_gain", "makes sound louder or softer at random"),
      type_info<Transform, SpecAugment>("spec_augment",
                                        "blanks out random bands and stretches of a spectrogram"),
      type_info<Transform, RandomApply>("random_apply", "its transforms with a probability"),
      type_info<Transform, RandomChoice>("random_choice", "one of its transforms"),
  };
  return list;
}

std::unique_ptr<Transform> make_transform(config::Reader& reader, const config::Node& node) {
  std::unique_ptr<Transform> made = reader.make<Transform>(node, transform_types(), "transform");
  if (made != nullptr && !made->read_parts(reader)) return nullptr;
  return made;
}

bool same_samples(const TensorSpec& a, const TensorSpec& b) {
  return a.dtype == b.dtype && a.shape == b.shape;
}

double draw(const std::vector<double>& range, RandomStream& random) {
  if (range.front() == range.back()) return range.front();
  return range.front() + (range.back() - range.front()) * random.uniform_double();
}

}  // namespace dlb::data
