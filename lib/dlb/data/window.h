#pragma once
/// \file Copying a window of an image, which may reach over its edges.

#include <algorithm>

#include "dlb/data/pixels.h"

namespace dlb::data {

/// Copies the window of `out`'s size whose corner is at (top, left) of `in`; what lies outside of `in`
/// becomes `value`.
template <class T>
void copy_window(const T* in, const ImageShape& in_shape, T* out, const ImageShape& out_shape, int64_t top,
                 int64_t left, T value) {
  const int64_t channels = in_shape.channels;
  // Columns of the window that lie inside the image.
  const int64_t begin = std::clamp<int64_t>(-left, 0, out_shape.width);
  const int64_t end = std::clamp<int64_t>(in_shape.width - left, begin, out_shape.width);
  for (int64_t y = 0; y < out_shape.height; ++y, out += out_shape.row()) {
    const int64_t from = top + y;
    if (from < 0 || from >= in_shape.height) {
      std::fill_n(out, out_shape.row(), value);
      continue;
    }
    const T* row = in + from * in_shape.row();
    std::fill_n(out, begin * channels, value);
    std::copy(row + (left + begin) * channels, row + (left + end) * channels, out + begin * channels);
    std::fill_n(out + end * channels, (out_shape.width - end) * channels, value);
  }
}

}  // namespace dlb::data
