#pragma once
/// \file Pooling over 1 to 3 spatial dimensions. Shapes: x [N, C, *spatial] -> [N, C, *out], channels-last in
/// memory. Errors: shape when the kernel is larger than the padded input; dtype when not floating.

#include "dlb/ops/op.h"

namespace dlb {

struct PoolAttrs {
  Dims kernel;    ///< one per spatial dimension, as the next three, or one for all
  Dims stride;    ///< the kernel when empty
  Dims padding;   ///< before and after; at most half the kernel's reach; 0 when empty
  Dims dilation;  ///< max pooling only; 1 when empty
  bool ceil_mode = false;
  bool count_include_pad = true;  ///< average pooling: padding counts in the divisor
  int64_t divisor = 0;            ///< average pooling: divide by this instead; 0 for the window's size
  static Fields fields() { return {}; }
};

/// Largest value in each window; padding never wins, NaN does. The gradient goes to the first largest, or to
/// the last NaN.
Tensor max_pool(const Tensor& x, const PoolAttrs& attrs);
Tensor avg_pool(const Tensor& x, const PoolAttrs& attrs);
/// Windows chosen so that the output has the given sizes: out i covers [floor(i in/out), ceil((i+1) in/out)).
/// A size of -1 keeps the input's.
Tensor adaptive_avg_pool(const Tensor& x, Dims output);
Tensor adaptive_max_pool(const Tensor& x, Dims output);

/// The largest values and where they are.
struct MaxPoolResult {
  Tensor y;
  Tensor indices;  ///< int64, as y: position in the row-major spatial plane of x
};
MaxPoolResult max_pool_with_indices(const Tensor& x, const PoolAttrs& attrs);
MaxPoolResult adaptive_max_pool_with_indices(const Tensor& x, Dims output);

/// Values put back to where max pooling found them, 0 elsewhere; of several for one position the last stays.
/// The gradient is PyTorch's: each value gets its position's, overwritten or not.
/// Shapes: x, indices [N, C, *spatial] -> [N, C, *output]. Errors: data for an index outside the output.
Tensor max_unpool(const Tensor& x, const Tensor& indices, const Dims& output);
/// Sizes of the output of max_unpool when none are given: (in - 1) stride - 2 padding + kernel.
Dims max_unpool_sizes(const Tensor& x, const PoolAttrs& attrs);

/// (sum over the window of x^p)^(1/p), signed like PyTorch's: sign(s) |s|_+ of the window's sum s; the
/// largest |x| where p is infinite. No padding.
Tensor lp_pool(const Tensor& x, double p, const PoolAttrs& attrs);

}  // namespace dlb
