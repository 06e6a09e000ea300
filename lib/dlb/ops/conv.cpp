#include "dlb/ops/conv.h"

#include <algorithm>

#include "dlb/ops/binary_defs.h"
#include "dlb/ops/conv_defs.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {

int64_t window_output_size(int64_t in, int64_t kernel, int64_t stride, int64_t before, int64_t after,
                           int64_t dilation, bool ceil_mode) {
  const int64_t span = in + before + after - dilation * (kernel - 1) - 1;
  const int64_t reach = span + (ceil_mode ? stride - 1 : 0);
  if (reach < 0) return 0;
  const int64_t out = reach / stride + 1;
  // A window of ceil_mode must start inside the input or the padding before it.
  return ceil_mode && (out - 1) * stride >= in + before ? out - 1 : out;
}

void detail::check_range(const std::string& name, const Dims& values, size_t spatial, int64_t least,
                         const char* what) {
  if (values.size() != spatial) {
    fail(ErrorKind::kShape, "{} expects {} numbers for {}, got {}", name, spatial, what, values.size());
  }
  for (const int64_t v : values) {
    if (v < least || v > kLargest) {
      fail(ErrorKind::kShape, "{}: {} must be from {} to {}, got {}", name, what, least, kLargest, v);
    }
  }
}

namespace {

using detail::check_range;
using detail::kLargest;

std::string name_of(size_t spatial) { return fmt::format("conv{}d", spatial); }

void check_floating(const Infer& c, std::string_view name) {
  for (int i = 0; i < c.inputs(); ++i) {
    if (!c.has(i)) continue;
    if (!is_floating(c.input(i).dtype)) {
      fail(ErrorKind::kDtype, "{} expects a floating dtype, got {}", name, dtype_name(c.input(i).dtype));
    }
    if (c.input(i).dtype != c.input(0).dtype) {
      fail(ErrorKind::kDtype, "{} expects one dtype, got {} and {}", name, dtype_name(c.input(0).dtype),
           dtype_name(c.input(i).dtype));
    }
  }
}

std::string expected_input(int64_t channels, size_t spatial) {
  constexpr const char* kSpace[] = {"L", "H, W", "D, H, W"};
  return fmt::format("[N, {}, {}]", channels, kSpace[spatial - 1]);
}

/// Size of y; raises every shape error of x, weight and attributes.
Shape conv_output(const Shape& x, const Shape& w, const ConvAttrs& a) {
  if (w.size() < 3 || w.size() > 5) {
    fail(ErrorKind::kShape, "conv expects weight [O, C/groups, *kernel] of rank 3 to 5, got {}",
         shape_text(w));
  }
  const size_t spatial = w.size() - 2;
  const std::string name = name_of(spatial);
  check_range(name, a.stride, spatial, 1, "stride");
  check_range(name, a.padding, spatial, 0, "padding");
  check_range(name, a.padding_after, spatial, 0, "padding");
  check_range(name, a.dilation, spatial, 1, "dilation");
  for (const int64_t s : w) {
    if (s < 1 || s > kLargest) fail(ErrorKind::kShape, "{}: weight {} has a size of 0", name, shape_text(w));
  }
  if (a.groups < 1 || w[0] % a.groups != 0) {
    fail(ErrorKind::kShape, "{}: {} output channels cannot be divided into {} groups", name, w[0], a.groups);
  }
  const int64_t channels = w[1] * a.groups;
  if (x.size() != spatial + 2 || x[1] != channels) {
    fail(ErrorKind::kShape, "{} expects input {}, got {}", name, expected_input(channels, spatial),
         shape_text(x));
  }
  Shape out{x[0], w[0]};
  for (size_t i = 0; i < spatial; ++i) {
    const int64_t padded = x[i + 2] + a.padding[i] + a.padding_after[i];
    const int64_t reach = a.dilation[i] * (w[i + 2] - 1) + 1;
    if (reach > padded) {
      fail(ErrorKind::kShape,
           "{}: kernel {} (dilation {}) is larger than the padded input: {} > {} in dimension {} of {}", name,
           w[i + 2], a.dilation[i], reach, padded, i + 2, shape_text(x));
    }
    out.push_back(
        window_output_size(x[i + 2], w[i + 2], a.stride[i], a.padding[i], a.padding_after[i], a.dilation[i]));
  }
  static_cast<void>(numel(out));
  return out;
}

TensorSpec image_spec(const Shape& shape, const TensorSpec& like) {
  return {like.dtype, like.device, shape, channels_last_strides(shape)};
}

void infer_conv(Infer& c, const ConvAttrs& a) {
  const TensorSpec& w = c.input(1);
  const Shape out = conv_output(c.input(0).shape, w.shape, a);
  check_floating(c, name_of(w.shape.size() - 2));
  if (c.has(2) && (c.input(2).rank() != 1 || c.input(2).dim(0) != w.dim(0))) {
    fail(ErrorKind::kShape, "{} expects bias [{}], got {}", name_of(w.shape.size() - 2), w.dim(0),
         shape_text(c.input(2).shape));
  }
  c.output(image_spec(out, c.input(0)));
}

void infer_fused_conv(Infer& c, const FusedConvAttrs& a) {
  infer_conv(c, a.conv);
  check_residual(c);
}

/// Attributes of the convolution itself, without the activation.
ConvAttrs linear_part(ConvAttrs a) {
  a.relu = false;
  return a;
}

Tensor channels_last(const Tensor& x) { return contiguous(x, Layout::kChannelsLast); }

Outputs weight_grad(const Tensor& g, const Tensor& x, const ConvGradAttrs& a) {
  return apply(op::conv_weight_grad(), {channels_last(g), channels_last(x)}, a);
}

Dims all_but_channels(int rank) {
  Dims dims{0};
  for (int64_t i = 2; i < rank; ++i) dims.push_back(i);
  return dims;
}

void conv_gradients(Vjp& c, const Tensor& g, const ConvAttrs& a) {
  const Tensor& x = c.input(0);
  const Tensor& w = c.input(1);
  if (c.needs(0)) c.input_grad(0, conv_input_grad(g, w, {linear_part(a), x.shape(), false}));
  if (c.needs(1)) {
    Outputs grads = weight_grad(g, x, {linear_part(a), w.shape(), c.needs(2)});
    c.input_grad(1, grads[0]);
    if (c.needs(2)) c.input_grad(2, grads[1]);
  } else if (c.needs(2)) {
    c.input_grad(2, sum(g, all_but_channels(g.rank())));
  }
}

void vjp_conv(Vjp& c, const ConvAttrs& a) { conv_gradients(c, channels_last(c.grad(0)), a); }

void vjp_conv_relu(Vjp& c, const ConvAttrs& a) {
  conv_gradients(c, channels_last(relu_backward(c.grad(0), c.output(0))), a);
}

double conv_flops(const Shape& y, const Shape& w) {
  double flops = 2.0 * static_cast<double>(numel(y));
  for (size_t i = 1; i < w.size(); ++i) flops *= static_cast<double>(w[i]);
  return flops;
}

Outputs reference_fused_conv(Inputs in, const FusedConvAttrs& a) {
  const auto at = [&](size_t i) { return in.size() > i ? in[i] : Tensor{}; };
  return {apply_epilogue(conv(in[0], in[1], at(2), linear_part(a.conv)), at(3), a.epilogue)};
}

Cost cost_fused_conv(Inputs in, Inputs out, const FusedConvAttrs&) {
  return {conv_flops(out[0].shape(), in[1].shape()), moved_bytes(in, out)};
}

Cost cost_conv(Inputs in, Inputs out, const ConvAttrs&) {
  return {conv_flops(out[0].shape(), in[1].shape()), moved_bytes(in, out)};
}

void infer_input_grad(Infer& c, const ConvGradAttrs& a) {
  check_floating(c, "conv_input_grad");
  const Shape y = conv_output(a.shape, c.input(1).shape, a.conv);
  if (!(y == c.input(0).shape)) {
    fail(ErrorKind::kShape, "conv_input_grad expects gradient {}, got {}", shape_text(y),
         shape_text(c.input(0).shape));
  }
  c.output(image_spec(a.shape, c.input(0)));
}

void vjp_input_grad(Vjp& c, const ConvGradAttrs& a) {
  const Tensor& g = c.input(0);
  const Tensor& w = c.input(1);
  if (c.needs(0)) c.input_grad(0, conv(c.grad(0), w, {}, a.conv));
  if (c.needs(1)) c.input_grad(1, weight_grad(g, c.grad(0), {a.conv, w.shape(), false})[0]);
}

Cost cost_input_grad(Inputs in, Inputs out, const ConvGradAttrs&) {
  return {conv_flops(in[0].shape(), in[1].shape()), moved_bytes(in, out)};
}

void infer_weight_grad(Infer& c, const ConvGradAttrs& a) {
  check_floating(c, "conv_weight_grad");
  const Shape y = conv_output(c.input(1).shape, a.shape, a.conv);
  if (!(y == c.input(0).shape)) {
    fail(ErrorKind::kShape, "conv_weight_grad expects gradient {}, got {}", shape_text(y),
         shape_text(c.input(0).shape));
  }
  c.output(a.shape, c.input(0).dtype);
  if (a.bias) c.output(Shape{a.shape[0]}, c.input(0).dtype);
}

/// The gradient of the bias alone, seen as a function of g: every position of channel o gets the value of o.
Tensor spread_channels(const Tensor& per_channel, const Shape& shape) {
  Shape ones_around(shape.size(), 1);
  ones_around[1] = shape[1];
  return expand(reshape(per_channel, ones_around), shape);
}

void vjp_weight_grad(Vjp& c, const ConvGradAttrs& a) {
  const Tensor& g = c.input(0);
  const Tensor& x = c.input(1);
  const Tensor& gw = c.grad(0);
  const Tensor gb = a.bias ? c.grad(1) : Tensor{};
  if (c.needs(0)) {
    if (gw.defined()) {
      c.input_grad(0, conv(x, gw, gb, a.conv));
    } else {
      c.input_grad(0, spread_channels(gb, g.shape()));
    }
  }
  if (c.needs(1) && gw.defined()) c.input_grad(1, conv_input_grad(g, gw, {a.conv, x.shape(), false}));
}

Cost cost_weight_grad(Inputs in, Inputs out, const ConvGradAttrs& a) {
  return {conv_flops(in[0].shape(), a.shape), moved_bytes(in, out)};
}

}  // namespace

namespace op {

const OpDef& conv() {
  static const OpDef def = define<ConvAttrs>({.name = "conv",
                                              .doc = "convolution over 1 to 3 spatial dimensions",
                                              .infer = infer_conv,
                                              .vjp = vjp_conv,
                                              .saves = Saves::kInputs,
                                              .cost = cost_conv,
                                              .onnx = {"Conv", 11}});
  return def;
}

const OpDef& conv_relu() {
  static const OpDef def = define<ConvAttrs>({.name = "conv_relu",
                                              .doc = "convolution followed by max(y, 0)",
                                              .infer = infer_conv,
                                              .vjp = vjp_conv_relu,
                                              .saves = Saves::kBoth,
                                              .reference = [](Inputs in, const ConvAttrs& a) -> Outputs {
                                                const Tensor bias = in.size() > 2 ? in[2] : Tensor{};
                                                return {relu(dlb::conv(in[0], in[1], bias, linear_part(a)))};
                                              },
                                              .cost = cost_conv});
  return def;
}

const OpDef& fused_conv() {
  static const OpDef def = define<FusedConvAttrs>({.name = "fused_conv",
                                                   .doc = "f(convolution + residual), for inference",
                                                   .infer = infer_fused_conv,
                                                   .reference = reference_fused_conv,
                                                   .cost = cost_fused_conv});
  return def;
}

const OpDef& conv_input_grad() {
  static const OpDef def = define<ConvGradAttrs>({.name = "conv_input_grad",
                                                  .doc = "gradient of a convolution's input",
                                                  .infer = infer_input_grad,
                                                  .vjp = vjp_input_grad,
                                                  .saves = Saves::kInputs,
                                                  .cost = cost_input_grad,
                                                  .onnx = {"ConvTranspose", 11}});
  return def;
}

const OpDef& conv_weight_grad() {
  static const OpDef def = define<ConvGradAttrs>({.name = "conv_weight_grad",
                                                  .doc = "gradient of a convolution's weight and bias",
                                                  .infer = infer_weight_grad,
                                                  .vjp = vjp_weight_grad,
                                                  .saves = Saves::kInputs,
                                                  .cost = cost_weight_grad});
  return def;
}

}  // namespace op

std::span<const OpDef* const> conv_ops() {
  static const OpDef* const list[] = {&op::conv(), &op::conv_relu(), &op::fused_conv(),
                                      &op::conv_input_grad(), &op::conv_weight_grad()};
  return list;
}

Tensor conv_input_grad(const Tensor& g, const Tensor& weight, const ConvGradAttrs& attrs) {
  return apply1(op::conv_input_grad(), {channels_last(g), contiguous(weight)}, attrs);
}

Tensor conv(const Tensor& x, const Tensor& weight, const Tensor& bias, const ConvAttrs& attrs) {
  return apply1(attrs.relu ? op::conv_relu() : op::conv(), {channels_last(x), contiguous(weight), bias},
                attrs);
}

Tensor fused_conv(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
                  const ConvAttrs& attrs, const Epilogue& epilogue) {
  return apply1(
      op::fused_conv(),
      {channels_last(x), contiguous(weight), bias, residual.defined() ? channels_last(residual) : residual},
      FusedConvAttrs{attrs, epilogue});
}

namespace {

Dims per_dimension(const Dims& values, size_t spatial, const char* what) {
  if (values.size() != 1 && values.size() != spatial) {
    fail(ErrorKind::kShape, "{} expects 1 or {} numbers for {}, got {}", name_of(spatial), spatial, what,
         values.size());
  }
  Dims out = values;
  while (out.size() < spatial) out.push_back(values[0]);
  return out;
}

Tensor conv_nd(const Tensor& x, const Tensor& weight, const Tensor& bias, size_t spatial, const Dims& stride,
               const Dims& padding, const Dims& dilation, int64_t groups) {
  constexpr const char* kKernel[] = {"K", "KH, KW", "KD, KH, KW"};
  if (weight.rank() != static_cast<int>(spatial) + 2) {
    fail(ErrorKind::kShape, "{} expects weight [O, C/groups, {}], got {}", name_of(spatial),
         kKernel[spatial - 1], shape_text(weight.shape()));
  }
  const Dims pad = per_dimension(padding, spatial, "padding");
  return conv(x, weight, bias,
              {per_dimension(stride, spatial, "stride"), pad, pad,
               per_dimension(dilation, spatial, "dilation"), groups, false});
}

}  // namespace

Tensor conv1d(const Tensor& x, const Tensor& weight, const Tensor& bias, int64_t stride, int64_t padding,
              int64_t dilation, int64_t groups) {
  return conv_nd(x, weight, bias, 1, {stride}, {padding}, {dilation}, groups);
}

Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, Dims stride, Dims padding,
              Dims dilation, int64_t groups) {
  return conv_nd(x, weight, bias, 2, stride, padding, dilation, groups);
}

Tensor conv3d(const Tensor& x, const Tensor& weight, const Tensor& bias, Dims stride, Dims padding,
              Dims dilation, int64_t groups) {
  return conv_nd(x, weight, bias, 3, stride, padding, dilation, groups);
}

}  // namespace dlb
