#include "dlb/data/augment.h"

#include <algorithm>
#include <cmath>

#include "dlb/data/resample.h"
#include "dlb/data/window.h"

namespace dlb::data {

Fields RandomCrop::fields() {
  static const Field list[] = {
      required<&RandomCrop::size>("size", "height and width of the result: one for both, or [height, width]",
                                  items(between(1, kMaxSide), 1, 2)),
      field<&RandomCrop::padding>("padding",
                                  "pixels added to each side first: one for all, or [vertical, horizontal]",
                                  items(between(0, kMaxSide), 1, 2)),
      field<&RandomCrop::value>("value", "value of the added pixels"),
  };
  return list;
}

TensorSpec RandomCrop::prepare(const TensorSpec& in) {
  in_ = image_of("random_crop", in);
  type_ = in.dtype;
  out_ = {in_.channels, first_of(size), second_of(size)};
  const int64_t height = in_.height + 2 * first_of(padding), width = in_.width + 2 * second_of(padding);
  if (out_.height > height || out_.width > width) {
    fail(ErrorKind::kShape, "random_crop: {}x{} is larger than the padded image {}x{}", out_.height,
         out_.width, height, width);
  }
  return image_result("random_crop", out_, type_);
}

void RandomCrop::apply(const void* in, void* out, RandomStream& random) const {
  const int64_t rows = in_.height + 2 * first_of(padding) - out_.height + 1;
  const int64_t columns = in_.width + 2 * second_of(padding) - out_.width + 1;
  const int64_t top = static_cast<int64_t>(random.below(static_cast<uint64_t>(rows))) - first_of(padding);
  const int64_t left =
      static_cast<int64_t>(random.below(static_cast<uint64_t>(columns))) - second_of(padding);
  with_pixels(type_, [&]<class T>(T) {
    copy_window(static_cast<const T*>(in), in_, static_cast<T*>(out), out_, top, left,
                to_pixel<T>(static_cast<float>(value)));
  });
}

Fields RandomFlip::fields() {
  static const Field list[] = {
      field<&RandomFlip::p>("p", "probability", between(0, 1)),
      field<&RandomFlip::axis>("axis", "horizontal mirrors left and right, vertical top and bottom",
                               one_of({"horizontal", "vertical"})),
  };
  return list;
}

TensorSpec RandomFlip::prepare(const TensorSpec& in) {
  in_ = image_of("random_flip", in);
  type_ = in.dtype;
  return in;
}

void RandomFlip::apply(const void* in, void* out, RandomStream& random) const {
  const bool flip = random.uniform() < static_cast<float>(p);
  with_pixels(type_, [&]<class T>(T) {
    const T* x = static_cast<const T*>(in);
    T* y = static_cast<T*>(out);
    if (!flip) {
      std::copy_n(x, in_.values(), y);
      return;
    }
    for (int64_t row = 0; row < in_.height; ++row, y += in_.row()) {
      if (axis == "vertical") {
        std::copy_n(x + (in_.height - 1 - row) * in_.row(), in_.row(), y);
        continue;
      }
      const T* from = x + row * in_.row();
      for (int64_t column = 0; column < in_.width; ++column) {
        std::copy_n(from + (in_.width - 1 - column) * in_.channels, in_.channels, y + column * in_.channels);
      }
    }
  });
}

Fields RandomErasing::fields() {
  static const Field list[] = {
      field<&RandomErasing::p>("p", "probability", between(0, 1)),
      field<&RandomErasing::scale>("scale", "smallest and largest share of the area",
                                   items(between(0, 1), 2, 2)),
      field<&RandomErasing::ratio>("ratio", "smallest and largest ratio of height to width",
                                   items(positive(), 2, 2)),
      field<&RandomErasing::value>("value", "value that replaces the pixels"),
  };
  return list;
}

TensorSpec RandomErasing::prepare(const TensorSpec& in) {
  if (scale[0] > scale[1] || ratio[0] > ratio[1]) {
    fail(ErrorKind::kConfig, "random_erasing: scale and ratio must give the smaller value first");
  }
  in_ = image_of("random_erasing", in);
  type_ = in.dtype;
  return in;
}

void RandomErasing::apply(const void* in, void* out, RandomStream& random) const {
  constexpr int kTries = 10;  // rectangles that do not fit are drawn again
  const double area = static_cast<double>(in_.height * in_.width);
  ImageShape hole{in_.channels, 0, 0};
  int64_t top = 0, left = 0;
  if (random.uniform() < static_cast<float>(p)) {
    for (int i = 0; i < kTries && hole.height == 0; ++i) {
      const double target = area * (scale[0] + (scale[1] - scale[0]) * random.uniform());
      const double low = std::log(ratio[0]), high = std::log(ratio[1]);
      const double aspect = std::exp(low + (high - low) * random.uniform());
      const int64_t height = std::llround(std::sqrt(target * aspect)),
                    width = std::llround(std::sqrt(target / aspect));
      if (height < 1 || width < 1 || height >= in_.height || width >= in_.width) continue;
      hole.height = height;
      hole.width = width;
      top = static_cast<int64_t>(random.below(static_cast<uint64_t>(in_.height - height + 1)));
      left = static_cast<int64_t>(random.below(static_cast<uint64_t>(in_.width - width + 1)));
    }
  }
  with_pixels(type_, [&]<class T>(T) {
    T* y = static_cast<T*>(out);
    std::copy_n(static_cast<const T*>(in), in_.values(), y);
    for (int64_t row = top; row < top + hole.height; ++row) {
      std::fill_n(y + row * in_.row() + left * in_.channels, hole.row(),
                  to_pixel<T>(static_cast<float>(value)));
    }
  });
}

Fields RandomResizedCrop::fields() {
  static const Field list[] = {
      required<&RandomResizedCrop::size>("size",
                                         "height and width of the result: one for both, or [height, width]",
                                         items(between(1, kMaxSide), 1, 2)),
      field<&RandomResizedCrop::scale>("scale", "smallest and largest share of the area",
                                       items(between(0, 1), 2, 2)),
      field<&RandomResizedCrop::ratio>("ratio", "smallest and largest ratio of width to height",
                                       items(positive(), 2, 2)),
      field<&RandomResizedCrop::interpolation>("interpolation", "how new pixels are made",
                                               interpolation_names()),
      field<&RandomResizedCrop::antialias>("antialias", "smooth when shrinking, with bilinear and bicubic"),
  };
  return list;
}

TensorSpec RandomResizedCrop::prepare(const TensorSpec& in) {
  if (scale[0] > scale[1] || ratio[0] > ratio[1]) {
    fail(ErrorKind::kConfig, "random_resized_crop: scale and ratio must give the smaller value first");
  }
  in_ = image_of("random_resized_crop", in);
  type_ = in.dtype;
  out_ = {in_.channels, first_of(size), second_of(size)};
  return image_result("random_resized_crop", out_, type_);
}

void RandomResizedCrop::apply(const void* in, void* out, RandomStream& random) const {
  constexpr int kTries = 10;
  const double area = static_cast<double>(in_.height * in_.width);
  ImageShape window{in_.channels, 0, 0};
  int64_t top = 0, left = 0;
  for (int i = 0; i < kTries && window.height == 0; ++i) {
    const double target = area * (scale[0] + (scale[1] - scale[0]) * random.uniform_double());
    const double low = std::log(ratio[0]), high = std::log(ratio[1]);
    const double aspect = std::exp(low + (high - low) * random.uniform_double());
    const double width = std::nearbyint(std::sqrt(target * aspect)),
                 height = std::nearbyint(std::sqrt(target / aspect));
    if (!(width >= 1 && height >= 1 && width <= static_cast<double>(in_.width) &&
          height <= static_cast<double>(in_.height)))
      continue;
    window.height = static_cast<int64_t>(height);
    window.width = static_cast<int64_t>(width);
    top = static_cast<int64_t>(random.below(static_cast<uint64_t>(in_.height - window.height + 1)));
    left = static_cast<int64_t>(random.below(static_cast<uint64_t>(in_.width - window.width + 1)));
  }
  if (window.height == 0) {
    // The largest window in the middle whose shape is allowed.
    const double width = static_cast<double>(in_.width), height = static_cast<double>(in_.height);
    const double aspect = std::clamp(width / height, ratio[0], ratio[1]);
    window.width = std::max<int64_t>(std::min<int64_t>(in_.width, std::llround(height * aspect)), 1);
    window.height = std::max<int64_t>(std::min<int64_t>(in_.height, std::llround(width / aspect)), 1);
    top = (in_.height - window.height) / 2;
    left = (in_.width - window.width) / 2;
  }
  const Interpolation kind = interpolation_from_name(interpolation);
  const Taps rows = make_taps(window.height, out_.height, kind, antialias);
  const Taps columns = make_taps(window.width, out_.width, kind, antialias);
  const size_t skipped = static_cast<size_t>(top * in_.row() + left * in_.channels) * dtype_size(type_);
  resample(type_, static_cast<const char*>(in) + skipped, in_.row(), window, rows, columns, out, out_);
}

}  // namespace dlb::data
