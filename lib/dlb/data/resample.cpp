#include "dlb/data/resample.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "dlb/data/scratch.h"

namespace dlb::data {

namespace {

constexpr std::array<const char*, 4> kNames = {"nearest", "nearest_exact", "bilinear", "bicubic"};

float triangle(float x) {
  x = std::abs(x);
  return x < 1 ? 1 - x : 0;
}

/// Keys' cubic convolution.
float cubic(float x, float a) {
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((x - 5) * x + 8) * x * a - 4 * a;
  return 0;
}

/// Adds a span whose weights w(j) belong to the positions first + j, positions outside being the edge's.
template <class W>
void add_clamped(Taps& taps, int64_t first, int64_t count, int64_t from, const W& weight) {
  const int64_t low = std::clamp<int64_t>(first, 0, from - 1);
  const int64_t high = std::clamp<int64_t>(first + count - 1, 0, from - 1);
  const size_t begin = taps.weights.size();
  taps.weights.resize(begin + static_cast<size_t>(high - low + 1), 0.0F);
  for (int64_t j = 0; j < count; ++j) {
    const int64_t at = std::clamp<int64_t>(first + j, low, high) - low;
    taps.weights[begin + static_cast<size_t>(at)] += weight(j);
  }
  taps.spans.push_back({static_cast<int32_t>(low), static_cast<int32_t>(high - low + 1), begin});
}

void add_antialiased(Taps& taps, int64_t i, int64_t from, float scale, bool is_cubic) {
  // In float32 throughout, as PyTorch computes it, so that the taps are the same.
  const float width = is_cubic ? 4.0F : 2.0F;
  const float support = scale >= 1 ? width * 0.5F * scale : width * 0.5F;
  const float inverse = scale >= 1 ? 1 / scale : 1.0F;
  const float centre = scale * (static_cast<float>(i) + 0.5F);
  const int64_t first = std::max<int64_t>(static_cast<int64_t>(centre - support + 0.5F), 0);
  const int64_t end = std::min<int64_t>(static_cast<int64_t>(centre + support + 0.5F), from);
  const size_t begin = taps.weights.size();
  float total = 0;
  for (int64_t j = first; j < end; ++j) {
    const float x = (static_cast<float>(j) - centre + 0.5F) * inverse;
    const float w = is_cubic ? cubic(x, -0.5F) : triangle(x);
    taps.weights.push_back(w);
    total += w;
  }
  for (size_t k = begin; k < taps.weights.size(); ++k) taps.weights[k] /= total;
  taps.spans.push_back({static_cast<int32_t>(first), static_cast<int32_t>(end - first), begin});
}

/// One row: out[x] = sum over the taps of in, for C channels (0: any number).
template <int C, class T>
void across(const T* in, int64_t channels, const Taps& taps, float* out) {
  const int64_t n = C > 0 ? C : channels;
  for (const Taps::Span& span : taps.spans) {
    const T* from = in + span.first * n;
    const float* w = taps.weights.data() + span.weights;
    for (int64_t c = 0; c < n; ++c) out[c] = w[0] * static_cast<float>(from[c]);
    for (int32_t j = 1; j < span.count; ++j) {
      for (int64_t c = 0; c < n; ++c) out[c] += w[j] * static_cast<float>(from[j * n + c]);
    }
    out += n;
  }
}

template <class T>
void row_across(const T* in, int64_t channels, const Taps& taps, float* out) {
  if (taps.identity) {
    const int64_t n = static_cast<int64_t>(taps.spans.size()) * channels;
    for (int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(in[i]);
  } else if (channels == 1) {
    across<1>(in, channels, taps, out);
  } else if (channels == 3) {
    across<3>(in, channels, taps, out);
  } else {
    across<0>(in, channels, taps, out);
  }
}

template <class T>
void resample_as(const T* in, int64_t in_row, const ImageShape& in_shape, const Taps& rows,
                 const Taps& columns, T* out, const ImageShape& out_shape) {
  const int64_t width = out_shape.row();
  // Rows scaled to the new width, those that the output rows at hand need: they only move forward.
  int64_t most = 1;
  for (const Taps::Span& span : rows.spans) most = std::max<int64_t>(most, span.count);
  Scratch scratch(static_cast<size_t>((most + 1) * width) * sizeof(float));
  float* ring = scratch.as<float>();
  float* sum = ring + most * width;
  int64_t ready = 0;  // input rows scaled so far
  for (const Taps::Span& span : rows.spans) {
    ready = std::max<int64_t>(ready, span.first);
    for (; ready < span.first + span.count; ++ready)
      row_across(in + ready * in_row, in_shape.channels, columns, ring + ready % most * width);
    const float* w = rows.weights.data() + span.weights;
    const float* line = ring + span.first % most * width;
    for (int64_t i = 0; i < width; ++i) sum[i] = w[0] * line[i];
    for (int32_t j = 1; j < span.count; ++j) {
      line = ring + (span.first + j) % most * width;
      for (int64_t i = 0; i < width; ++i) sum[i] += w[j] * line[i];
    }
    for (int64_t i = 0; i < width; ++i) out[i] = to_pixel<T>(sum[i]);
    out += width;
  }
}

template <class T>
void select_pixels(const T* in, int64_t in_row, int64_t channels, const Taps& rows, const Taps& columns,
                   T* out) {
  for (const Taps::Span& row : rows.spans) {
    const T* line = in + row.first * in_row;
    for (const Taps::Span& column : columns.spans) {
      for (int64_t c = 0; c < channels; ++c) *out++ = line[column.first * channels + c];
    }
  }
}

}  // namespace

Interpolation interpolation_from_name(const std::string& name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (name == kNames[i]) return static_cast<Interpolation>(i);
  }
  DLB_CHECK(false);
  return Interpolation::kNearest;
}

Constraint interpolation_names() { return one_of({kNames.begin(), kNames.end()}); }

Taps make_taps(int64_t from, int64_t to, Interpolation interpolation, bool antialias) {
  Taps taps;
  taps.identity = from == to;
  const float scale = static_cast<float>(from) / static_cast<float>(to);
  for (int64_t i = 0; i < to; ++i) {
    const float at = static_cast<float>(i);
    if (taps.identity) {
      add_clamped(taps, i, 1, from, [](int64_t) { return 1.0F; });
    } else if (interpolation == Interpolation::kNearest) {
      add_clamped(taps, static_cast<int64_t>(at * scale), 1, from, [](int64_t) { return 1.0F; });
    } else if (interpolation == Interpolation::kNearestExact) {
      add_clamped(taps, static_cast<int64_t>((at + 0.5F) * scale), 1, from, [](int64_t) { return 1.0F; });
    } else if (antialias) {
      add_antialiased(taps, i, from, scale, interpolation == Interpolation::kBicubic);
    } else if (interpolation == Interpolation::kBilinear) {
      const float x = std::max((at + 0.5F) * scale - 0.5F, 0.0F);
      const int64_t low = std::min(static_cast<int64_t>(x), from - 1);
      const float part = x - static_cast<float>(low);
      add_clamped(taps, low, 2, from, [&](int64_t j) { return j == 0 ? 1 - part : part; });
    } else {
      const float x = (at + 0.5F) * scale - 0.5F, low = std::floor(x), part = x - low;
      add_clamped(taps, static_cast<int64_t>(low) - 1, 4, from,
                  [&](int64_t j) { return cubic(static_cast<float>(j) - 1 - part, -0.75F); });
    }
  }
  return taps;
}

void resample(DType type, const void* in, int64_t in_row, const ImageShape& in_shape, const Taps& rows,
              const Taps& columns, void* out, const ImageShape& out_shape) {
  with_pixels(type, [&]<class T>(T) {
    const T* x = static_cast<const T*>(in);
    T* y = static_cast<T*>(out);
    if (rows.selects() && columns.selects()) {
      select_pixels(x, in_row, in_shape.channels, rows, columns, y);
    } else {
      resample_as(x, in_row, in_shape, rows, columns, y, out_shape);
    }
  });
}

}  // namespace dlb::data
