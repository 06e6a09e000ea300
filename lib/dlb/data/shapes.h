#pragma once
/// \file The source `shapes`: pictures of circles, squares and triangles, with the mask of what is where.

#include "dlb/data/generated.h"

namespace dlb::data {

/// Pictures with 1 to `objects` shapes of a random place, size and grey value or colour on a dark ground,
/// with normal noise; a later shape covers an earlier one.
/// **Shapes**: image [C, size, size] float32 in about [0, 1]. Target by `target`: mask [size, size] (0
/// ground, 1 circle, 2 square, 3 triangle); label [] (0 circle, 1 square, 2 triangle, of the only object);
/// count [] (number of objects that can be seen, less one); edges, the mask's outlines, [1, size, size]
/// float32.
struct ShapesSource final : GeneratedSource {
  int64_t side = 32;
  int64_t channels = 1;
  int64_t objects = 1;
  double noise = 0.05;
  std::string target = "mask";
  static Fields fields();

 protected:
  void check(const SourceOptions& options) const override;
  SampleSpec sample_spec() const override;
  void make(RandomStream& random, TableBuilder& table) const override;
};

}  // namespace dlb::data
