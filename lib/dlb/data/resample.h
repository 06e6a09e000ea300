#pragma once
/// \file Scaling images to another size.

#include <string>
#include <vector>

#include "dlb/base/fields.h"
#include "dlb/data/pixels.h"

namespace dlb::data {

/// How a pixel's value follows from those around it, by PyTorch's names.
enum class Interpolation : uint8_t { kNearest, kNearestExact, kBilinear, kBicubic };
Interpolation interpolation_from_name(const std::string& name);
/// The names, as a field's constraint.
Constraint interpolation_names();

/// The input positions that an output position is a weighted sum of, for each position along one side.
struct Taps {
  struct Span {
    int32_t first;
    int32_t count;
    size_t weights;  ///< where they begin in `weights`
  };
  std::vector<Span> spans;
  std::vector<float> weights;
  bool identity = false;  ///< every position is its own
  /// Every span is one position with weight 1.
  bool selects() const { return identity || weights.size() == spans.size(); }
};

/// PyTorch's interpolate along one side, align_corners=False. With `antialias`, bilinear and bicubic (a =
/// -0.5 then, else -0.75) are widened by the factor that the side shrinks by.
Taps make_taps(int64_t from, int64_t to, Interpolation interpolation, bool antialias);

/// Scales the window of `in_shape` pixels at `in`, whose rows are `in_row` values apart, to `out_shape`.
/// First along rows, then along columns, in float32; bytes are rounded to nearest even at the end.
void resample(DType type, const void* in, int64_t in_row, const ImageShape& in_shape, const Taps& rows,
              const Taps& columns, void* out, const ImageShape& out_shape);

}  // namespace dlb::data
