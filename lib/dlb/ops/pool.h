#pragma once
/// \file Pooling over 1 or 2 spatial dimensions. Shapes: x [N, C, *spatial] -> [N, C, *out], channels-last in
/// memory. Errors: shape when the kernel is larger than the padded input; dtype when not floating.

#include "dlb/ops/op.h"

namespace dlb {

struct PoolAttrs {
  Dims kernel;    ///< one per spatial dimension, as the next three, or one for all
  Dims stride;    ///< the kernel when empty
  Dims padding;   ///< before and after; at most half the kernel; 0 when empty
  Dims dilation;  ///< max pooling only; 1 when empty
  bool ceil_mode = false;
  bool count_include_pad = true;  ///< average pooling: padding counts in the divisor
  static Fields fields() { return {}; }
};

/// Largest value in each window; padding never wins, NaN does. The gradient goes to the first largest.
Tensor max_pool(const Tensor& x, const PoolAttrs& attrs);
Tensor avg_pool(const Tensor& x, const PoolAttrs& attrs);
/// Windows chosen so that the output has the given sizes: out i covers [floor(i in/out), ceil((i+1) in/out)).
Tensor adaptive_avg_pool(const Tensor& x, Dims output);
Tensor adaptive_max_pool(const Tensor& x, Dims output);

}  // namespace dlb
