#pragma once
/// \file The operators behind conv.h, for backends. Images are channels-last in memory, weights row-major.

#include "dlb/ops/conv.h"

namespace dlb {

/// Attributes of the gradients: those of the convolution and the size of what is computed.
struct ConvGradAttrs {
  ConvAttrs conv;
  Shape shape;        ///< conv_input_grad: of x; conv_weight_grad: of the weight
  bool bias = false;  ///< conv_weight_grad: whether the bias gradient is wanted
};

struct FusedConvAttrs {
  ConvAttrs conv;
  Epilogue epilogue;
};

/// d/dx: the transposed convolution of g with the weight. Shapes: g [N, O, *out], weight -> `shape`.
Tensor conv_input_grad(const Tensor& g, const Tensor& weight, const ConvGradAttrs& attrs);

namespace detail {

/// Larger sizes, strides, paddings and dilations are mistakes, and their products would overflow.
inline constexpr int64_t kLargest = int64_t{1} << 30;
/// One number from `least` to kLargest for each spatial dimension, or a shape error that says `name` and
/// `what`.
void check_range(const std::string& name, const Dims& values, size_t spatial, int64_t least,
                 const char* what);

}  // namespace detail

namespace op {

/// (x, weight, bias or undefined) -> y.
const OpDef& conv();
/// As conv, with y = max(y, 0).
const OpDef& conv_relu();
/// (x, weight, bias or undefined, residual or undefined) -> f(conv + residual).
const OpDef& fused_conv();
/// (g, weight) -> gradient of x.
const OpDef& conv_input_grad();
/// (g, x) -> gradient of the weight, and of the bias when it is wanted.
const OpDef& conv_weight_grad();

}  // namespace op
}  // namespace dlb
