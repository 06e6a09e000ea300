#include "dlb/data/warp.h"

#include <cmath>
#include <numbers>
#include <utility>

namespace dlb::data {

namespace {

double radians(double degrees) { return degrees * std::numbers::pi / 180; }

/// A pixel's channel, or `value` outside of the image.
template <class T>
float pixel(const T* x, const ImageShape& image, int64_t row, int64_t column, int64_t channel, float value) {
  if (row < 0 || row >= image.height || column < 0 || column >= image.width) return value;
  return static_cast<float>(x[row * image.row() + column * image.channels + channel]);
}

/// Writes the image whose pixel (row, column) is seen at place(row, column) = {x, y} of the input, in
/// coordinates that run from -1 to 1 between its outer edges.
template <class T, class Place>
void sample(const T* in, T* out, const ImageShape& image, bool nearest, float value, const Place& place) {
  const float width = static_cast<float>(image.width), height = static_cast<float>(image.height);
  const T outside = to_pixel<T>(value);
  for (int64_t row = 0; row < image.height; ++row) {
    for (int64_t column = 0; column < image.width; ++column, out += image.channels) {
      const auto [u, v] = place(row, column);
      // In float32 and in this order, as grid_sample computes it, so that halves are rounded the same way.
      const float x = ((u + 1) * width - 1) / 2, y = ((v + 1) * height - 1) / 2;
      // Far outside, the conversion to an integer must not overflow; NaN is outside too.
      if (!(x > -2 && y > -2 && x < width + 1 && y < height + 1)) {
        for (int64_t k = 0; k < image.channels; ++k) out[k] = outside;
        continue;
      }
      if (nearest) {
        const int64_t r = static_cast<int64_t>(std::nearbyint(y)),
                      c = static_cast<int64_t>(std::nearbyint(x));
        const bool inside = r >= 0 && c >= 0 && r < image.height && c < image.width;
        const T* from = in + (inside ? r * image.row() + c * image.channels : 0);
        for (int64_t k = 0; k < image.channels; ++k) out[k] = inside ? from[k] : outside;
        continue;
      }
      const float left = std::floor(x), top = std::floor(y), wx = x - left, wy = y - top;
      const int64_t r = static_cast<int64_t>(top), c = static_cast<int64_t>(left);
      for (int64_t k = 0; k < image.channels; ++k) {
        const float sum = pixel(in, image, r, c, k, value) * ((1 - wx) * (1 - wy)) +
                          pixel(in, image, r, c + 1, k, value) * (wx * (1 - wy)) +
                          pixel(in, image, r + 1, c, k, value) * ((1 - wx) * wy) +
                          pixel(in, image, r + 1, c + 1, k, value) * (wx * wy);
        out[k] = to_pixel<T>(sum);
      }
    }
  }
}

template <class Place>
void sample_any(const PixelRun& run, const Sampling& sampling, const Place& place) {
  with_pixels(run.type, [&]<class T>(T) {
    const float value = static_cast<float>(to_pixel<T>(static_cast<float>(sampling.value)));
    sample(static_cast<const T*>(run.in), static_cast<T*>(run.out), run.shape, sampling.nearest, value,
           place);
  });
}

}  // namespace

std::array<double, 6> inverse_affine(const AffineParameters& p) {
  const double angle = radians(p.degrees), sx = radians(p.shear_x), sy = radians(p.shear_y);
  // Rotation, shear along y, shear along x; the determinant is 1.
  const double a = std::cos(angle - sy) / std::cos(sy);
  const double b = -std::cos(angle - sy) * std::tan(sx) / std::cos(sy) - std::sin(angle);
  const double c = std::sin(angle - sy) / std::cos(sy);
  const double d = -std::sin(angle - sy) * std::tan(sx) / std::cos(sy) + std::cos(angle);
  std::array<double, 6> m = {d / p.scale, -b / p.scale, 0, -c / p.scale, a / p.scale, 0};
  const double x = -p.centre_x - p.shift_x, y = -p.centre_y - p.shift_y;
  m[2] = m[0] * x + m[1] * y + p.centre_x;
  m[5] = m[3] * x + m[4] * y + p.centre_y;
  return m;
}

std::array<double, 8> perspective_coefficients(const Corners& from, const Corners& to) {
  // Two equations for each corner; Gaussian elimination with the largest pivot.
  std::array<std::array<double, 9>, 8> rows{};
  for (size_t i = 0; i < 4; ++i) {
    const double x = to[i][0], y = to[i][1], u = from[i][0], v = from[i][1];
    rows[2 * i] = {x, y, 1, 0, 0, 0, -u * x, -u * y, u};
    rows[2 * i + 1] = {0, 0, 0, x, y, 1, -v * x, -v * y, v};
  }
  constexpr std::array<double, 8> kIdentity = {1, 0, 0, 0, 1, 0, 0, 0};
  for (size_t k = 0; k < 8; ++k) {
    size_t best = k;
    for (size_t i = k + 1; i < 8; ++i) {
      if (std::abs(rows[i][k]) > std::abs(rows[best][k])) best = i;
    }
    if (std::abs(rows[best][k]) < 1e-12) return kIdentity;
    std::swap(rows[k], rows[best]);
    for (size_t i = 0; i < 8; ++i) {
      if (i == k) continue;
      const double factor = rows[i][k] / rows[k][k];
      for (size_t j = k; j < 9; ++j) rows[i][j] -= factor * rows[k][j];
    }
  }
  std::array<double, 8> solution{};
  for (size_t k = 0; k < 8; ++k) solution[k] = rows[k][8] / rows[k][k];
  return solution;
}

void warp_affine(const PixelRun& run, const std::array<double, 6>& matrix, const Sampling& sampling) {
  const float half_width = 0.5F * static_cast<float>(run.shape.width);
  const float half_height = 0.5F * static_cast<float>(run.shape.height);
  std::array<float, 6> m{};
  for (size_t i = 0; i < 6; ++i) m[i] = static_cast<float>(matrix[i]) / (i < 3 ? half_width : half_height);
  sample_any(run, sampling, [&](int64_t row, int64_t column) {
    const float x = static_cast<float>(column) + 0.5F - half_width,
                y = static_cast<float>(row) + 0.5F - half_height;
    return std::pair{x * m[0] + y * m[1] + m[2], x * m[3] + y * m[4] + m[5]};
  });
}

void warp_perspective(const PixelRun& run, const std::array<double, 8>& coefficients,
                      const Sampling& sampling) {
  const float half_width = 0.5F * static_cast<float>(run.shape.width);
  const float half_height = 0.5F * static_cast<float>(run.shape.height);
  std::array<float, 8> k{};
  for (size_t i = 0; i < 8; ++i) k[i] = static_cast<float>(coefficients[i]);
  for (size_t i = 0; i < 6; ++i) k[i] /= i < 3 ? half_width : half_height;
  sample_any(run, sampling, [&](int64_t row, int64_t column) {
    const float x = static_cast<float>(column) + 0.5F, y = static_cast<float>(row) + 0.5F;
    const float below = x * k[6] + y * k[7] + 1;
    return std::pair{(x * k[0] + y * k[1] + k[2]) / below - 1, (x * k[3] + y * k[4] + k[5]) / below - 1};
  });
}

Constraint sampling_names() { return one_of({"nearest", "bilinear"}); }

}  // namespace dlb::data
