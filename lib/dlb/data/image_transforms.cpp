#include "dlb/data/image_transforms.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <tuple>

#include "dlb/data/colour.h"
#include "dlb/data/window.h"

namespace dlb::data {

TensorSpec Flatten::prepare(const TensorSpec& in) {
  in_ = in;
  return make_spec({in.numel()}, in.dtype);
}

void Flatten::apply(const void* in, void* out, RandomStream&) const {
  const size_t size = dtype_size(in_.dtype);
  const int64_t channels = in_.rank() == 3 ? in_.dim(0) : 1;
  if (channels == 1) {
    std::memcpy(out, in, in_.bytes());
    return;
  }
  const char* x = static_cast<const char*>(in);
  char* y = static_cast<char*>(out);
  const int64_t pixels = in_.dim(1) * in_.dim(2);
  for (int64_t c = 0; c < channels; ++c) {
    for (int64_t i = 0; i < pixels; ++i, y += size)
      std::memcpy(y, x + static_cast<size_t>(i * channels + c) * size, size);
  }
}

Fields Pad::fields() {
  static const Field list[] = {
      required<&Pad::padding>("padding",
                              "pixels added: all sides, [vertical, horizontal] or [top, bottom, left, right]",
                              items(between(0, kMaxSide), 1, 4)),
      field<&Pad::value>("value", "value of the border"),
      field<&Pad::mode>("mode", "what the border is made of",
                        one_of({"constant", "edge", "reflect", "symmetric"})),
  };
  return list;
}

TensorSpec Pad::prepare(const TensorSpec& in) {
  if (padding.size() == 3) {
    fail(ErrorKind::kConfig,
         "pad: padding has 3 values; expected 1, 2 ([vertical, horizontal]) or 4 ([top, bottom, left, "
         "right])");
  }
  in_ = image_of("pad", in);
  type_ = in.dtype;
  const bool sides = padding.size() == 4;
  top_ = padding.front();
  left_ = sides ? padding[2] : padding.back();
  const int64_t bottom = sides ? padding[1] : top_;
  const int64_t right = padding.back();
  const int64_t widest = mode == "reflect" ? 1 : 0;
  if ((mode == "reflect" || mode == "symmetric") &&
      (std::max(top_, bottom) > in_.height - widest || std::max(left_, right) > in_.width - widest)) {
    fail(ErrorKind::kShape, "pad: a {} border cannot be wider than the image {}{}", mode, spec_text(in),
         widest == 1 ? " less one pixel" : "");
  }
  out_ = {in_.channels, in_.height + top_ + bottom, in_.width + left_ + right};
  return image_result("pad", out_, type_);
}

int64_t Pad::source(int64_t i, int64_t size) const {
  if (mode == "edge") return std::clamp<int64_t>(i, 0, size - 1);
  const int64_t whole = mode == "symmetric" ? 1 : 0;
  if (i < 0) return -i - whole;
  return i < size ? i : 2 * size - 2 + whole - i;
}

std::vector<int64_t> Pad::sources(int64_t before, int64_t size, int64_t padded) const {
  std::vector<int64_t> list;
  for (int64_t i = 0; i < padded; ++i) list.push_back(source(i - before, size));
  return list;
}

std::vector<int64_t> Pad::sides() const {
  return {top_, out_.height - in_.height - top_, left_, out_.width - in_.width - left_};
}

void Pad::apply(const void* in, void* out, RandomStream&) const {
  with_pixels(type_, [&]<class T>(T) {
    const T* x = static_cast<const T*>(in);
    T* y = static_cast<T*>(out);
    if (mode == "constant") {
      copy_window(x, in_, y, out_, -top_, -left_, to_pixel<T>(static_cast<float>(value)));
      return;
    }
    for (int64_t row = 0; row < out_.height; ++row) {
      const T* line = x + source(row - top_, in_.height) * in_.row();
      for (int64_t column = 0; column < out_.width; ++column, y += in_.channels)
        std::copy_n(line + source(column - left_, in_.width) * in_.channels, in_.channels, y);
    }
  });
}

namespace {

/// Half of `n`, rounded to even where it is between two numbers, as torchvision places its crops.
int64_t half(int64_t n) { return static_cast<int64_t>(std::nearbyint(static_cast<double>(n) / 2)); }

}  // namespace

Fields CenterCrop::fields() {
  static const Field list[] = {
      required<&CenterCrop::size>("size", "height and width of the result: one for both, or [height, width]",
                                  items(between(1, kMaxSide), 1, 2)),
  };
  return list;
}

TensorSpec CenterCrop::prepare(const TensorSpec& in) {
  in_ = image_of("center_crop", in);
  type_ = in.dtype;
  out_ = {in_.channels, first_of(size), second_of(size)};
  if (out_.height > in_.height || out_.width > in_.width) {
    fail(ErrorKind::kShape, "center_crop: {}x{} is larger than the image {}", out_.height, out_.width,
         spec_text(in));
  }
  return image_result("center_crop", out_, type_);
}

void CenterCrop::apply(const void* in, void* out, RandomStream&) const {
  with_pixels(type_, [&]<class T>(T) {
    copy_window(static_cast<const T*>(in), in_, static_cast<T*>(out), out_, top(), left(), T{0});
  });
}

int64_t CenterCrop::top() const { return half(in_.height - out_.height); }
int64_t CenterCrop::left() const { return half(in_.width - out_.width); }

Fields Resize::fields() {
  static const Field list[] = {
      required<&Resize::size>("size", "the shorter side, the longer following; or [height, width]",
                              items(between(1, kMaxSide), 1, 2)),
      field<&Resize::interpolation>("interpolation", "how new pixels are made", interpolation_names()),
      field<&Resize::antialias>("antialias", "smooth when shrinking, with bilinear and bicubic"),
      field<&Resize::max_size>("max_size", "limit of the longer side, where size is one value",
                               between(1, kMaxSide)),
  };
  return list;
}

std::pair<int64_t, int64_t> short_side_size(int64_t height, int64_t width, int64_t size) {
  const auto longer = [&](int64_t long_side, int64_t short_side) {
    return static_cast<int64_t>(static_cast<double>(size * long_side) / static_cast<double>(short_side));
  };
  if (width <= height) return {longer(height, width), size};
  return {size, longer(width, height)};
}

TensorSpec Resize::prepare(const TensorSpec& in) {
  in_ = image_of("resize", in);
  type_ = in.dtype;
  out_ = {in_.channels, first_of(size), second_of(size)};
  if (size.size() == 1) {
    std::tie(out_.height, out_.width) = short_side_size(in_.height, in_.width, size[0]);
    const int64_t most = std::max(out_.height, out_.width);
    if (max_size && most > *max_size) {
      // The shorter side gives way, as torchvision computes it.
      const auto fit = [&](int64_t side) {
        return std::max<int64_t>(side == most ? *max_size
                                              : static_cast<int64_t>(static_cast<double>(*max_size * side) /
                                                                     static_cast<double>(most)),
                                 1);
      };
      out_ = {in_.channels, fit(out_.height), fit(out_.width)};
    }
  } else if (max_size) {
    fail(ErrorKind::kConfig, "resize: max_size needs a size of one value, the shorter side");
  }
  const TensorSpec result = image_result("resize", out_, type_);
  const Interpolation kind = interpolation_from_name(interpolation);
  rows_ = make_taps(in_.height, out_.height, kind, antialias);
  columns_ = make_taps(in_.width, out_.width, kind, antialias);
  return result;
}

void Resize::apply(const void* in, void* out, RandomStream&) const {
  resample(type_, in, in_.row(), in_, rows_, columns_, out, out_);
}

namespace {

ImageShape colour_or_grey(std::string_view name, const TensorSpec& in) {
  const ImageShape image = image_of(name, in);
  if (image.channels != 1 && image.channels != 3) {
    fail(ErrorKind::kShape, "{} expects an image of 1 or 3 channels, got {}", name, spec_text(in));
  }
  return image;
}

}  // namespace

Fields Grayscale::fields() {
  static const Field list[] = {
      field<&Grayscale::channels>("channels", "1, or 3 equal ones", between(1, 3)),
  };
  return list;
}

TensorSpec Grayscale::prepare(const TensorSpec& in) {
  if (channels == 2) fail(ErrorKind::kConfig, "grayscale: channels is 2; expected 1 or 3");
  in_ = colour_or_grey("grayscale", in);
  type_ = in.dtype;
  return image_spec(channels, in_.height, in_.width, type_);
}

void Grayscale::apply(const void* in, void* out, RandomStream&) const {
  to_grey({type_, in_, in, out}, channels);
}

TensorSpec ToRgb::prepare(const TensorSpec& in) {
  in_ = colour_or_grey("to_rgb", in);
  type_ = in.dtype;
  return image_spec(3, in_.height, in_.width, type_);
}

void ToRgb::apply(const void* in, void* out, RandomStream&) const {
  with_pixels(type_, [&]<class T>(T) {
    const T* x = static_cast<const T*>(in);
    T* y = static_cast<T*>(out);
    if (in_.channels == 3) {
      std::copy_n(x, in_.values(), y);
      return;
    }
    for (int64_t i = 0; i < in_.values(); ++i) {
      for (int64_t c = 0; c < 3; ++c) y[3 * i + c] = x[i];
    }
  });
}

}  // namespace dlb::data
