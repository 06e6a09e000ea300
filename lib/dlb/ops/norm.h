#pragma once
/// \file Normalisations: y = (x - mean) / sqrt(var + eps) * weight + bias, population variance.

#include "dlb/ops/op.h"

namespace dlb {

/// Over N and space for each channel. Shapes: x [N, C, *], weight, bias [C] or undefined.
struct BatchNormResult {
  Tensor y;
  Tensor mean;  ///< [C], of this batch
  Tensor var;   ///< [C], of this batch, population
};
BatchNormResult batch_norm_train(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps = 1e-5);
/// With given statistics [C].
Tensor batch_norm_eval(const Tensor& x, const Tensor& mean, const Tensor& var, const Tensor& weight, const Tensor& bias, double eps = 1e-5);

/// Over the last `dims` dimensions. Shapes: weight, bias: those dimensions, or undefined.
Tensor layer_norm(const Tensor& x, int64_t dims, const Tensor& weight, const Tensor& bias, double eps = 1e-5);

/// Over groups of channels and space, per sample. Shapes: x [N, C, *], weight, bias [C] or undefined; groups divides C.
Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias, double eps = 1e-5);

}  // namespace dlb
