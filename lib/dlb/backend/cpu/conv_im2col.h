#pragma once
/// \file Convolution in float64, which oneDNN does not have: patches gathered into a matrix, products by
/// BLAS. It serves gradient checks and exact comparisons rather than speed.

#include "dlb/ops/conv.h"

namespace dlb::backend::cpu {

/// Images are channels-last, weights row-major; `bias` and `db` may be undefined.
void conv_forward_im2col(const Tensor& x, const Tensor& w, const Tensor& bias, const Tensor& y,
                         const ConvAttrs& attrs);
void conv_input_grad_im2col(const Tensor& g, const Tensor& w, const Tensor& dx, const ConvAttrs& attrs);
void conv_weight_grad_im2col(const Tensor& g, const Tensor& x, const Tensor& dw, const Tensor& db,
                             const ConvAttrs& attrs);

}  // namespace dlb::backend::cpu
