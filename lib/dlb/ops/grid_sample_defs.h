#pragma once
/// \file The operators behind grid_sample.h, for backends. Images are channels-last in memory, grids
/// row-major.

#include "dlb/ops/grid_sample.h"

namespace dlb {

struct GridSampleAttrs {
  int64_t mode = 0;          ///< SampleMode
  int64_t padding_mode = 0;  ///< SamplePadding
  bool align_corners = false;
  static Fields fields();
};

namespace op {
/// (x, grid) -> y.
const OpDef& grid_sample();
/// (g, x, grid) -> gradients of x and grid.
const OpDef& grid_sample_grad();
}  // namespace op

}  // namespace dlb
