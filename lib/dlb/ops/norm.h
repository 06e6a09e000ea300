#pragma once
/// \file Normalisations: y = (x - mean) / sqrt(var + eps) * weight + bias, population variance. Deviations
/// are summed in a second pass, so that a large mean cancels nothing, and in an order that does not depend on
/// the number of threads. weight, bias and statistics have x's dtype or, for 16-bit x, float32. Errors:
/// shape, dtype.

#include <optional>

#include "dlb/ops/op.h"

namespace dlb {

/// Over N and space for each channel. Shapes: x [N, C, *] of rank 2 to 5, weight, bias [C] or undefined. The
/// statistics carry no gradient of their own: that of y includes the way through them.
struct BatchNormResult {
  Tensor y;
  Tensor mean;  ///< [C], of this batch
  Tensor var;   ///< [C], of this batch, population
};
BatchNormResult batch_norm_train(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps = 1e-5,
                                 bool relu = false);  ///< relu: y = max(y, 0), fused
/// With given statistics [C].
Tensor batch_norm_eval(const Tensor& x, const Tensor& mean, const Tensor& var, const Tensor& weight,
                       const Tensor& bias, double eps = 1e-5);

/// Over the last `dims` dimensions. Shapes: weight, bias: those dimensions, or undefined.
Tensor layer_norm(const Tensor& x, int64_t dims, const Tensor& weight, const Tensor& bias, double eps = 1e-5);

/// Over groups of channels and space, per sample. Shapes: x [N, C, *], weight, bias [C] or undefined; groups
/// divides C.
Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias,
                  double eps = 1e-5);

/// batch_norm_train that also moves the running statistics, or batch_norm_eval with them.
///   running = (1 - momentum) running + momentum * batch's, where the variance is the sample variance
/// Shapes: running_mean, running_var [C], changed in place; both may be undefined while training. Errors:
/// shape when there is but one value per channel while training, or no statistics otherwise.
Tensor batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                  const Tensor& weight, const Tensor& bias, bool training, double momentum = 0.1,
                  double eps = 1e-5);

/// Over space for each channel of each sample; running statistics are the samples' mean. Without
/// use_input_stats it is batch_norm outside training.
Tensor instance_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                     const Tensor& weight, const Tensor& bias, bool use_input_stats = true,
                     double momentum = 0.1, double eps = 1e-5);

/// x / sqrt(mean(x^2) + eps) * weight over the last `dims` dimensions; by default eps is the distance from 1
/// to the next number of x's dtype. Shapes: weight: those dimensions, or undefined.
Tensor rms_norm(const Tensor& x, int64_t dims, const Tensor& weight, std::optional<double> eps = {});

/// x / (k + alpha mean of x^2 over `size` neighbouring channels)^beta; channels beyond the ends count as 0.
/// Shapes: x [N, C, *].
Tensor local_response_norm(const Tensor& x, int64_t size, double alpha = 1e-4, double beta = 0.75,
                           double k = 1);

}  // namespace dlb
