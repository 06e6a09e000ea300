#include "dlb/data/image_transforms.h"

#include <cstring>

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
  out_ = {in_.channels, in_.height + top_ + bottom, in_.width + left_ + padding.back()};
  return image_result("pad", out_, type_);
}

void Pad::apply(const void* in, void* out, RandomStream&) const {
  with_pixels(type_, [&]<class T>(T) {
    copy_window(static_cast<const T*>(in), in_, static_cast<T*>(out), out_, -top_, -left_,
                to_pixel<T>(static_cast<float>(value)));
  });
}

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
    copy_window(static_cast<const T*>(in), in_, static_cast<T*>(out), out_, (in_.height - out_.height) / 2,
                (in_.width - out_.width) / 2, T{0});
  });
}

Fields Resize::fields() {
  static const Field list[] = {
      required<&Resize::size>("size", "height and width of the result: one for both, or [height, width]",
                              items(between(1, kMaxSide), 1, 2)),
  };
  return list;
}

std::vector<Resize::Tap> Resize::taps(int64_t from, int64_t to) {
  std::vector<Tap> taps;
  const float scale = static_cast<float>(from) / static_cast<float>(to);
  for (int64_t i = 0; i < to; ++i) {
    const float at = std::max((static_cast<float>(i) + 0.5F) * scale - 0.5F, 0.0F);
    const int64_t low = std::min(static_cast<int64_t>(at), from - 1);
    taps.push_back({low, std::min(low + 1, from - 1), at - static_cast<float>(low)});
  }
  return taps;
}

TensorSpec Resize::prepare(const TensorSpec& in) {
  in_ = image_of("resize", in);
  type_ = in.dtype;
  out_ = {in_.channels, first_of(size), second_of(size)};
  const TensorSpec result = image_result("resize", out_, type_);
  rows_ = taps(in_.height, out_.height);
  columns_ = taps(in_.width, out_.width);
  return result;
}

void Resize::apply(const void* in, void* out, RandomStream&) const {
  with_pixels(type_, [&]<class T>(T) {
    const T* x = static_cast<const T*>(in);
    T* y = static_cast<T*>(out);
    const int64_t channels = in_.channels;
    for (const Tap& r : rows_) {
      const T* upper = x + r.low * in_.row();
      const T* lower = x + r.high * in_.row();
      for (const Tap& c : columns_) {
        for (int64_t k = 0; k < channels; ++k) {
          const auto mix = [&](const T* row) {
            const float a = row[c.low * channels + k], b = row[c.high * channels + k];
            return (1 - c.weight) * a + c.weight * b;
          };
          *y++ = to_pixel<T>((1 - r.weight) * mix(upper) + r.weight * mix(lower));
        }
      }
    }
  });
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

TensorSpec Grayscale::prepare(const TensorSpec& in) {
  in_ = colour_or_grey("grayscale", in);
  type_ = in.dtype;
  return image_spec(1, in_.height, in_.width, type_);
}

void Grayscale::apply(const void* in, void* out, RandomStream&) const {
  with_pixels(type_, [&]<class T>(T) {
    const T* x = static_cast<const T*>(in);
    T* y = static_cast<T*>(out);
    const int64_t pixels = in_.height * in_.width;
    if (in_.channels == 1) {
      std::copy_n(x, pixels, y);
      return;
    }
    for (int64_t i = 0; i < pixels; ++i, x += 3) {
      y[i] = to_pixel<T>(0.299F * static_cast<float>(x[0]) + 0.587F * static_cast<float>(x[1]) +
                         0.114F * static_cast<float>(x[2]));
    }
  });
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
