#include "dlb/data/colour.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace dlb::data {

namespace {

template <class T>
constexpr float largest() {
  return std::is_same_v<T, uint8_t> ? 255.0F : 1.0F;
}

/// Limited to the type's range; bytes lose their fraction.
template <class T>
T cut(float value) {
  const float limited = std::clamp(value, 0.0F, largest<T>());
  return static_cast<T>(limited);
}

template <class T>
float grey_of(const T* pixel) {
  return 0.2989F * static_cast<float>(pixel[0]) + 0.587F * static_cast<float>(pixel[1]) +
         0.114F * static_cast<float>(pixel[2]);
}

/// As grey_of, as an element: bytes lose their fraction.
template <class T>
T grey_element(const T* pixel) {
  return static_cast<T>(grey_of(pixel));
}

template <class F>
void each(const PixelRun& run, const F& f) {
  with_pixels(run.type, [&]<class T>(T) { f(static_cast<const T*>(run.in), static_cast<T*>(run.out)); });
}

void copy(const PixelRun& run) { std::memcpy(run.out, run.in, run.bytes()); }

}  // namespace

void to_grey(const PixelRun& run, int64_t channels) {
  each(run, [&]<class T>(const T* x, T* y) {
    const int64_t pixels = run.shape.height * run.shape.width;
    for (int64_t i = 0; i < pixels; ++i, x += run.shape.channels, y += channels) {
      const T value = run.shape.channels == 1 ? x[0] : grey_element(x);
      for (int64_t c = 0; c < channels; ++c) y[c] = value;
    }
  });
}

void adjust_brightness(const PixelRun& run, double factor) {
  const float f = static_cast<float>(factor);
  each(run, [&]<class T>(const T* x, T* y) {
    const int64_t n = run.shape.values();
    for (int64_t i = 0; i < n; ++i) y[i] = cut<T>(f * static_cast<float>(x[i]));
  });
}

void adjust_contrast(const PixelRun& run, double factor) {
  const float f = static_cast<float>(factor), rest = static_cast<float>(1 - factor);
  each(run, [&]<class T>(const T* x, T* y) {
    const int64_t pixels = run.shape.height * run.shape.width, n = run.shape.values();
    double sum = 0;
    int64_t count = n;
    if (run.shape.channels == 3) {
      for (int64_t i = 0; i < pixels; ++i) sum += static_cast<double>(grey_element(x + 3 * i));
      count = pixels;
    } else {
      for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]);
    }
    const float part = rest * static_cast<float>(sum / static_cast<double>(count));
    for (int64_t i = 0; i < n; ++i) y[i] = cut<T>(f * static_cast<float>(x[i]) + part);
  });
}

void adjust_saturation(const PixelRun& run, double factor) {
  if (run.shape.channels != 3) return copy(run);
  const float f = static_cast<float>(factor), rest = static_cast<float>(1 - factor);
  each(run, [&]<class T>(const T* x, T* y) {
    const int64_t pixels = run.shape.height * run.shape.width;
    for (int64_t i = 0; i < pixels; ++i, x += 3, y += 3) {
      const float part = rest * static_cast<float>(grey_element(x));
      for (int64_t c = 0; c < 3; ++c) y[c] = cut<T>(f * static_cast<float>(x[c]) + part);
    }
  });
}

namespace {

/// The pixel with its hue turned, through the hexagonal HSV model.
std::array<float, 3> turn_hue(float r, float g, float b, float turn) {
  const float high = std::max({r, g, b}), low = std::min({r, g, b});
  const bool grey = high == low;
  const float range = high - low;
  const float s = range / (grey ? 1.0F : high);
  const float divisor = grey ? 1.0F : range;
  const float rc = (high - r) / divisor, gc = (high - g) / divisor, bc = (high - b) / divisor;
  float h = high == r ? bc - gc : high == g ? 2.0F + rc - bc : 4.0F + gc - rc;
  h = std::fmod(h / 6.0F + 1.0F, 1.0F) + turn;
  h -= std::floor(h);

  const float sector = std::floor(h * 6.0F), f = h * 6.0F - sector;
  const float p = std::clamp(high * (1.0F - s), 0.0F, 1.0F);
  const float q = std::clamp(high * (1.0F - s * f), 0.0F, 1.0F);
  const float t = std::clamp(high * (1.0F - s * (1.0F - f)), 0.0F, 1.0F);
  switch (static_cast<int>(sector) % 6) {
    case 0:
      return {high, t, p};
    case 1:
      return {q, high, p};
    case 2:
      return {p, high, t};
    case 3:
      return {p, q, high};
    case 4:
      return {t, p, high};
    default:
      return {high, p, q};
  }
}

}  // namespace

void adjust_hue(const PixelRun& run, double turn) {
  if (run.shape.channels != 3) return copy(run);
  const float by = static_cast<float>(turn);
  each(run, [&]<class T>(const T* x, T* y) {
    const int64_t pixels = run.shape.height * run.shape.width;
    constexpr bool kBytes = std::is_same_v<T, uint8_t>;
    const float unit = kBytes ? 255.0F : 1.0F;
    for (int64_t i = 0; i < pixels; ++i, x += 3, y += 3) {
      const auto rgb = turn_hue(static_cast<float>(x[0]) / unit, static_cast<float>(x[1]) / unit,
                                static_cast<float>(x[2]) / unit, by);
      for (size_t c = 0; c < 3; ++c) {
        // torchvision's conversion to bytes: each value has the same share of the range from 0 to 1.
        y[c] = kBytes ? static_cast<T>(rgb[c] * (256.0F - 1e-3F)) : static_cast<T>(rgb[c]);
      }
    }
  });
}

void adjust_sharpness(const PixelRun& run, double factor) {
  const ImageShape& s = run.shape;
  if (s.height <= 2 || s.width <= 2) return copy(run);
  const float f = static_cast<float>(factor), rest = static_cast<float>(1 - factor);
  each(run, [&]<class T>(const T* x, T* y) {
    const int64_t row = s.row(), step = s.channels;
    for (int64_t i = 0; i < s.height; ++i) {
      const bool edge = i == 0 || i == s.height - 1;
      for (int64_t j = 0; j < row; ++j, ++x, ++y) {
        float smooth = static_cast<float>(*x);
        if (!edge && j >= step && j < row - step) {
          const auto at = [&](int64_t dy, int64_t dx) { return static_cast<float>(x[dy * row + dx * step]); };
          const float around =
              at(-1, -1) + at(-1, 0) + at(-1, 1) + at(0, -1) + at(0, 1) + at(1, -1) + at(1, 0) + at(1, 1);
          smooth = static_cast<float>(to_pixel<T>((around + 5.0F * smooth) / 13.0F));
        }
        *y = cut<T>(f * static_cast<float>(*x) + rest * smooth);
      }
    }
  });
}

void invert(const PixelRun& run) {
  each(run, [&]<class T>(const T* x, T* y) {
    const int64_t n = run.shape.values();
    for (int64_t i = 0; i < n; ++i) y[i] = static_cast<T>(largest<T>() - static_cast<float>(x[i]));
  });
}

void posterize(const PixelRun& run, int64_t bits) {
  DLB_CHECK(run.type == DType::kUInt8);
  const uint8_t mask = static_cast<uint8_t>(0xFF00 >> bits);
  const uint8_t* x = static_cast<const uint8_t*>(run.in);
  uint8_t* y = static_cast<uint8_t*>(run.out);
  const int64_t n = run.shape.values();
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] & mask;
}

void solarize(const PixelRun& run, double threshold) {
  const float limit = static_cast<float>(threshold);
  each(run, [&]<class T>(const T* x, T* y) {
    const int64_t n = run.shape.values();
    for (int64_t i = 0; i < n; ++i) {
      const float v = static_cast<float>(x[i]);
      y[i] = v >= limit ? static_cast<T>(largest<T>() - v) : x[i];
    }
  });
}

void autocontrast(const PixelRun& run) {
  const int64_t pixels = run.shape.height * run.shape.width, step = run.shape.channels;
  each(run, [&]<class T>(const T* x, T* y) {
    for (int64_t c = 0; c < step; ++c, ++x, ++y) {
      T low = x[0], high = x[0];
      for (int64_t i = 0; i < pixels; ++i) {
        low = std::min(low, x[i * step]);
        high = std::max(high, x[i * step]);
      }
      float from = static_cast<float>(low);
      float scale = largest<T>() / (static_cast<float>(high) - from);
      if (!std::isfinite(scale)) {
        from = 0;
        scale = 1;
      }
      for (int64_t i = 0; i < pixels; ++i)
        y[i * step] = cut<T>((static_cast<float>(x[i * step]) - from) * scale);
    }
  });
}

void equalize(const PixelRun& run) {
  DLB_CHECK(run.type == DType::kUInt8);
  const int64_t pixels = run.shape.height * run.shape.width, step = run.shape.channels;
  const uint8_t* x = static_cast<const uint8_t*>(run.in);
  uint8_t* y = static_cast<uint8_t*>(run.out);
  for (int64_t c = 0; c < step; ++c, ++x, ++y) {
    std::array<int64_t, 256> histogram{};
    for (int64_t i = 0; i < pixels; ++i) ++histogram[x[i * step]];
    size_t last = 255;
    while (last > 0 && histogram[last] == 0) --last;
    const int64_t width = (pixels - histogram[last]) / 255;  // pixels per level of the result
    std::array<uint8_t, 256> level{};
    int64_t below = 0;
    for (size_t v = 0; v < 256; ++v) {
      level[v] = width == 0 ? static_cast<uint8_t>(v)
                 : v == 0   ? uint8_t{0}
                            : static_cast<uint8_t>(std::min<int64_t>((below + width / 2) / width, 255));
      below += histogram[v];
    }
    for (int64_t i = 0; i < pixels; ++i) y[i * step] = level[x[i * step]];
  }
}

}  // namespace dlb::data
