#pragma once
/// \file Normalisations: y = (x - mean) / sqrt(var + eps) * weight + bias, population variance. Deviations
/// are summed in a second pass, so that a large mean cancels nothing, and in an order that does not depend on
/// the number of threads. weight, bias and statistics have x's dtype or, for 16-bit x, float32. Errors:
/// shape, dtype.

#include "dlb/ops/op.h"

namespace dlb {

/// Over N and space for each channel. Shapes: x [N, C, *] of rank 2 to 5, weight, bias [C] or undefined. The
/// statistics carry no gradient of their own: that of y includes the way through them.
struct BatchNormResult {
  Tensor y;
  Tensor mean;  ///< [C], of this batch
  Tensor var;   ///< [C], of this batch, population
};
BatchNormResult batch_norm_train(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                 double eps = 1e-5);
/// With given statistics [C].
Tensor batch_norm_eval(const Tensor& x, const Tensor& mean, const Tensor& var, const Tensor& weight,
                       const Tensor& bias, double eps = 1e-5);

/// Over the last `dims` dimensions. Shapes: weight, bias: those dimensions, or undefined.
Tensor layer_norm(const Tensor& x, int64_t dims, const Tensor& weight, const Tensor& bias, double eps = 1e-5);

/// Over groups of channels and space, per sample. Shapes: x [N, C, *], weight, bias [C] or undefined; groups
/// divides C.
Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias,
                  double eps = 1e-5);

}  // namespace dlb
