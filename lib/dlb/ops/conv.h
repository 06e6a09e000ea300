#pragma once
/// \file Convolution (cross-correlation, as everywhere in deep learning). Images are channels-last in memory;
/// others are copied. The same bits each time with the same number of threads; gradients of the weight and
/// bias in float32 may differ in the last bits between numbers of threads. 16-bit types are summed in
/// float32.

#include "dlb/ops/epilogue.h"
#include "dlb/ops/op.h"

namespace dlb {

/// y[n, o, p] = b[o] + sum_{c, k} W[o, c, k] x[n, g(o) C/G + c, p * stride + k * dilation - padding]
/// Shapes: x [N, C, *spatial], weight [O, C/groups, *kernel], bias [O] or undefined -> [N, O, *out] with
/// out = floor((in + pad_before + pad_after - dilation (kernel - 1) - 1) / stride) + 1, 1 to 3 spatial
/// dimensions.
struct ConvAttrs {
  Dims stride;         ///< one per spatial dimension, as the next three
  Dims padding;        ///< before
  Dims padding_after;  ///< after
  Dims dilation;
  int64_t groups = 1;
  bool relu = false;  ///< y = max(y, 0), fused
  static Fields fields() { return {}; }
};
/// Errors: shape when the channels or the bias do not fit, or the kernel is larger than the padded input;
/// dtype.
Tensor conv(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvAttrs& attrs);

/// f(conv(x, weight, bias) + residual) at once, for inference: it has no gradient. `attrs.relu` is not used.
/// The residual, undefined or of y's shape and dtype, is channels-last as x is. Errors: as conv; shape when
/// the residual does not fit.
Tensor fused_conv(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
                  const ConvAttrs& attrs, const Epilogue& epilogue);

/// conv1d/conv2d/conv3d with one number or one per dimension for each of stride, padding, dilation.
Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, int64_t stride = 1,
              int64_t padding = 0, int64_t dilation = 1, int64_t groups = 1);
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, Dims stride = {1},
              Dims padding = {0}, Dims dilation = {1}, int64_t groups = 1);
Tensor conv3d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, Dims stride = {1},
              Dims padding = {0}, Dims dilation = {1}, int64_t groups = 1);

/// Padding of one dimension with which a convolution of stride 1 keeps its size: {before, after}, the odd one
/// after.
Dims same_padding(int64_t kernel, int64_t dilation);

/// The transpose of a convolution, also called deconvolution: the gradient of conv's input, as an operator.
/// y[n, o, p * stride + k * dilation - padding] += W[c, o, k] x[n, c, p], plus b[o]
/// Shapes: x [N, C, *spatial], weight [C, O/groups, *kernel], bias [O] or undefined -> [N, O, *out] with
/// out = (in - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1.
struct ConvTransposeAttrs {
  Dims stride;          ///< one per spatial dimension, as the next three
  Dims padding;         ///< cut from both sides of the result
  Dims output_padding;  ///< added after the result; less than the stride or the dilation
  Dims dilation;
  int64_t groups = 1;
};
/// Errors: shape when the channels or the bias do not fit, or nothing is left of the result; dtype.
Tensor conv_transpose(const Tensor& x, const Tensor& weight, const Tensor& bias,
                      const ConvTransposeAttrs& attrs);

/// Size of one spatial dimension after a convolution or pooling window; `ceil_mode` as in PyTorch's pooling.
int64_t window_output_size(int64_t in, int64_t kernel, int64_t stride, int64_t before, int64_t after,
                           int64_t dilation, bool ceil_mode = false);

}  // namespace dlb
