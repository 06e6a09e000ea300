#include <algorithm>
#include <cmath>
#include <vector>

#include "dlb/data/colour.h"
#include "dlb/data/scratch.h"

namespace dlb::data {

namespace {

std::vector<float> gaussian(int64_t size, double sigma) {
  std::vector<float> kernel(static_cast<size_t>(size));
  float sum = 0;
  for (int64_t i = 0; i < size; ++i) {
    const double x = (static_cast<double>(i) - static_cast<double>(size - 1) / 2) / sigma;
    sum += kernel[static_cast<size_t>(i)] = static_cast<float>(std::exp(-0.5 * x * x));
  }
  for (float& w : kernel) w /= sum;
  return kernel;
}

/// The position that is seen at `i` when the side's ends are mirrors.
int64_t reflected(int64_t i, int64_t size) {
  if (i < 0) i = -i;
  return i < size ? i : 2 * (size - 1) - i;
}

}  // namespace

void gaussian_blur(const PixelRun& run, int64_t kernel_height, int64_t kernel_width, double sigma) {
  const ImageShape& s = run.shape;
  const int64_t row = s.row(), step = s.channels;
  const int64_t half_x = kernel_width / 2, half_y = kernel_height / 2;
  const std::vector<float> across = gaussian(kernel_width, sigma), down = gaussian(kernel_height, sigma);
  Scratch scratch(static_cast<size_t>(s.values() + row + 2 * half_x * step) * sizeof(float));
  float* smooth = scratch.as<float>();  // the image smoothed along its rows
  float* sum = smooth + s.values();
  float* padded = sum;  // the two are not used at once
  with_pixels(run.type, [&]<class T>(T) {
    const T* x = static_cast<const T*>(run.in);
    for (int64_t y = 0; y < s.height; ++y, x += row) {
      for (int64_t i = -half_x; i < s.width + half_x; ++i) {
        for (int64_t c = 0; c < step; ++c)
          padded[(i + half_x) * step + c] = static_cast<float>(x[reflected(i, s.width) * step + c]);
      }
      float* out = smooth + y * row;
      std::fill_n(out, row, 0.0F);
      for (int64_t k = 0; k < kernel_width; ++k) {
        const float w = across[static_cast<size_t>(k)];
        const float* from = padded + k * step;
        for (int64_t i = 0; i < row; ++i) out[i] += w * from[i];
      }
    }
    T* out = static_cast<T*>(run.out);
    for (int64_t y = 0; y < s.height; ++y, out += row) {
      std::fill_n(sum, row, 0.0F);
      for (int64_t k = 0; k < kernel_height; ++k) {
        const float w = down[static_cast<size_t>(k)];
        const float* from = smooth + reflected(y + k - half_y, s.height) * row;
        for (int64_t i = 0; i < row; ++i) sum[i] += w * from[i];
      }
      for (int64_t i = 0; i < row; ++i) out[i] = to_pixel<T>(sum[i]);
    }
  });
}

}  // namespace dlb::data
