#include "dlb/ops/norm.h"

#include "dlb/ops/binary.h"
#include "dlb/ops/binary_defs.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/norm_defs.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {
namespace {

/// The type of statistics: they do not fit into 16 bits.
DType stats_dtype(DType x) { return dtype_size(x) == 2 ? DType::kFloat32 : x; }

void check_vector(const Infer& c, int i, const Shape& shape, const char* name, const char* what) {
  if (!c.has(i)) return;
  const TensorSpec& v = c.input(i);
  if (!(v.shape == shape)) {
    fail(ErrorKind::kShape, "{} expects {} {}, got {}", name, what, shape_text(shape), shape_text(v.shape));
  }
  const DType x = c.input(0).dtype;
  if (v.dtype != x && v.dtype != stats_dtype(x)) {
    fail(ErrorKind::kDtype, "{} expects {} of {}, got {}", name, what, dtype_name(stats_dtype(x)),
         dtype_name(v.dtype));
  }
}

void check_image(const Infer& c, const char* name) {
  c.floating(0);
  if (c.input(0).rank() < 2 || c.input(0).rank() > 5) {
    fail(ErrorKind::kShape, "{} expects input [N, C, ...] of rank 2 to 5, got {}", name,
         shape_text(c.input(0).shape));
  }
}

void output_image(Infer& c) {
  const TensorSpec& x = c.input(0);
  c.output(TensorSpec{x.dtype, x.device, x.shape, channels_last_strides(x.shape)});
}

Shape channels_of(const TensorSpec& x) { return Shape{x.dim(1)}; }

void infer_batch_stats(Infer& c, const NoAttrs&) {
  check_image(c, "batch_norm");
  const TensorSpec& x = c.input(0);
  if (x.numel() == 0 && x.dim(1) != 0) {
    fail(ErrorKind::kShape, "batch_norm in training needs at least one value for each channel, got {}",
         shape_text(x.shape));
  }
  c.output(channels_of(x), stats_dtype(x.dtype));
  c.output(channels_of(x), stats_dtype(x.dtype));
}

void infer_batch_norm(Infer& c, const NormAttrs&) {
  check_image(c, "batch_norm");
  const char* names[] = {"mean", "var", "weight", "bias"};
  for (int i = 1; i < 5; ++i) check_vector(c, i, channels_of(c.input(0)), "batch_norm", names[i - 1]);
  output_image(c);
}

void check_same_shape(const Infer& c, const char* name) {
  c.same_dtype(0, 1);
  if (!(c.input(0).shape == c.input(1).shape)) {
    fail(ErrorKind::kShape, "{} expects gradient {}, got {}", name, shape_text(c.input(1).shape),
         shape_text(c.input(0).shape));
  }
}

DType weight_dtype(const Infer& c, int i) {
  return c.has(i) ? c.input(i).dtype : stats_dtype(c.input(0).dtype);
}

void infer_batch_norm_grad(Infer& c, const NormAttrs&) {
  check_image(c, "batch_norm_grad");
  check_same_shape(c, "batch_norm_grad");
  output_image(c);
  for (int i = 0; i < 2; ++i) c.output(channels_of(c.input(0)), weight_dtype(c, 4));
}

/// The normalised dimensions of layer norm.
Shape inner_shape(const TensorSpec& x, const NormAttrs& a) {
  if (a.dims < 1 || a.dims > x.rank()) {
    fail(ErrorKind::kShape, "layer_norm over the last {} dimensions does not fit input {}", a.dims,
         shape_text(x.shape));
  }
  return Shape(x.shape.end() - a.dims, x.shape.end());
}

void infer_layer_norm(Infer& c, const NormAttrs& a) {
  c.floating(0);
  const TensorSpec& x = c.input(0);
  const Shape inner = inner_shape(x, a);
  if (c.has(1)) {
    const Shape& w = c.input(1).shape;
    if (!(w == inner)) {
      std::string sizes = "...";
      for (const int64_t s : w) sizes += fmt::format(", {}", s);
      fail(ErrorKind::kShape, "layer_norm expects input [{}], got {}", sizes, shape_text(x.shape));
    }
  }
  check_vector(c, 1, inner, "layer_norm", "weight");
  check_vector(c, 2, inner, "layer_norm", "bias");
  c.output(x.shape, x.dtype);
}

void infer_layer_norm_grad(Infer& c, const NormAttrs& a) {
  c.floating(0);
  check_same_shape(c, "layer_norm_grad");
  const Shape inner = inner_shape(c.input(0), a);
  c.output(c.input(0).shape, c.input(0).dtype);
  for (int i = 0; i < 2; ++i) c.output(inner, weight_dtype(c, 2));
}

void infer_group_norm(Infer& c, const NormAttrs& a) {
  check_image(c, "group_norm");
  const TensorSpec& x = c.input(0);
  if (a.groups < 1 || x.dim(1) % a.groups != 0) {
    fail(ErrorKind::kShape, "group_norm: {} channels cannot be divided into {} groups", x.dim(1), a.groups);
  }
  check_vector(c, 1, channels_of(x), "group_norm", "weight");
  check_vector(c, 2, channels_of(x), "group_norm", "bias");
  output_image(c);
}

void infer_group_norm_grad(Infer& c, const NormAttrs&) {
  check_image(c, "group_norm_grad");
  check_same_shape(c, "group_norm_grad");
  output_image(c);
  for (int i = 0; i < 2; ++i) c.output(channels_of(c.input(0)), weight_dtype(c, 2));
}

Tensor channels_last(const Tensor& x) { return contiguous(x, Layout::kChannelsLast); }

Tensor to_dtype(const Tensor& x, DType dtype) { return x.dtype() == dtype ? x : cast(x, dtype); }

/// [C] as [1, C, 1, ...].
Tensor per_channel(const Tensor& v, int rank) {
  Shape shape(static_cast<size_t>(rank), 1);
  shape[1] = v.dim(0);
  return reshape(v, shape);
}

Dims all_but_channels(int rank) {
  Dims dims{0};
  for (int64_t i = 2; i < rank; ++i) dims.push_back(i);
  return dims;
}

Dims last_dims(int rank, int64_t count) {
  Dims dims;
  for (int64_t i = rank - count; i < rank; ++i) dims.push_back(i);
  return dims;
}

/// (x - mean) / sqrt(var + eps) over `dims`, and the reciprocal root, from simple operators: what the fused
/// gradients are replaced by where they are to be differentiated themselves, and the reference of the fused
/// kernels.
struct Normalized {
  Tensor value;
  Tensor rstd;
};
Normalized normalize(const Tensor& x, const Dims& dims, double eps) {
  const Tensor centered = sub(x, mean(x, dims, kKeepDim));
  const Tensor rstd = rsqrt(add(mean(square(centered), dims, kKeepDim), eps));
  return {mul(centered, rstd), rstd};
}

/// Gradient of normalize(); h is the gradient of its value.
Tensor normalize_grad(const Tensor& h, const Normalized& n, const Dims& dims) {
  const Tensor along = mul(n.value, mean(mul(h, n.value), dims, kKeepDim));
  return mul(n.rstd, sub(sub(h, mean(h, dims, kKeepDim)), along));
}

/// Fills in the gradients of (x, weight, bias) at inputs (0, w, w + 1).
void set_gradients(Vjp& c, int w, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (c.needs(0)) c.input_grad(0, to_dtype(x, c.input(0).dtype()));
  if (c.needs(w)) c.input_grad(w, to_dtype(weight, c.input(w).dtype()));
  if (c.needs(w + 1)) c.input_grad(w + 1, to_dtype(bias, c.input(w + 1).dtype()));
}

Tensor optional(const Vjp& c, int i) { return c.has(i) ? c.input(i) : Tensor{}; }

Tensor scale_shift(Tensor y, const Tensor& weight, const Tensor& bias) {
  if (weight.defined()) y = mul(y, weight);
  if (bias.defined()) y = add(y, bias);
  return y;
}

void vjp_batch_norm_train(Vjp& c, const NormAttrs& a) {
  const Tensor& x = c.input(0);
  const Tensor weight = optional(c, 3);
  Tensor g = channels_last(c.grad(0));
  if (!grad_enabled()) {
    const Tensor bias = a.relu ? optional(c, 4) : Tensor{};
    const Outputs d = apply(op::batch_norm_grad(), {g, x, c.input(1), c.input(2), weight, bias}, a);
    set_gradients(c, 3, d[0], d[1], d[2]);
    return;
  }
  const Dims dims = all_but_channels(x.rank());
  const Normalized n = normalize(x, dims, a.eps);
  if (a.relu) {
    const Tensor bias = optional(c, 4);
    const Tensor y = scale_shift(n.value, weight.defined() ? per_channel(weight, x.rank()) : weight,
                                 bias.defined() ? per_channel(bias, x.rank()) : bias);
    g = relu_backward(g, y);
  }
  const Tensor h = weight.defined() ? mul(g, per_channel(weight, x.rank())) : g;
  set_gradients(c, 3, normalize_grad(h, n, dims), sum(mul(g, n.value), dims), sum(g, dims));
}

void vjp_batch_norm_eval(Vjp& c, const NormAttrs& a) {
  const Tensor& x = c.input(0);
  const Tensor& g = c.grad(0);
  const Dims dims = all_but_channels(x.rank());
  const Tensor rstd = rsqrt(add(c.input(2), a.eps));
  const Tensor scale = c.has(3) ? mul(c.input(3), rstd) : rstd;
  const Tensor centered = sub(x, per_channel(c.input(1), x.rank()));
  const bool wants_weight = c.needs(3) || c.needs(2);
  const Tensor gx = wants_weight ? sum(mul(g, centered), dims) : Tensor{};
  const Tensor gsum = c.needs(1) || c.needs(4) ? sum(g, dims) : Tensor{};
  if (c.needs(0)) c.input_grad(0, to_dtype(mul(g, per_channel(scale, x.rank())), x.dtype()));
  if (c.needs(1)) c.input_grad(1, neg(mul(gsum, scale)));
  if (c.needs(2)) c.input_grad(2, mul(mul(gx, scale), mul(square(rstd), -0.5)));
  if (c.needs(3)) c.input_grad(3, to_dtype(mul(gx, rstd), c.input(3).dtype()));
  if (c.needs(4)) c.input_grad(4, to_dtype(gsum, c.input(4).dtype()));
}

void vjp_layer_norm(Vjp& c, const NormAttrs& a) {
  const Tensor& x = c.input(0);
  const Tensor weight = optional(c, 1);
  const Tensor g = contiguous(c.grad(0));
  if (!grad_enabled()) {
    const Outputs d = apply(op::layer_norm_grad(), {g, x, weight}, a);
    set_gradients(c, 1, d[0], d[1], d[2]);
    return;
  }
  const Dims dims = last_dims(x.rank(), a.dims);
  const Normalized n = normalize(x, dims, a.eps);
  const Tensor h = weight.defined() ? mul(g, weight) : g;
  const Shape inner(x.shape().end() - a.dims, x.shape().end());
  set_gradients(c, 1, normalize_grad(h, n, dims), sum_to(mul(g, n.value), inner), sum_to(g, inner));
}

/// [N, C, *] as [N, groups, the rest].
Tensor by_group(const Tensor& x, int64_t groups) {
  const int64_t rest = x.dim(0) * groups == 0 ? 0 : x.numel() / (x.dim(0) * groups);
  return reshape(contiguous(x), {x.dim(0), groups, rest});
}

void vjp_group_norm(Vjp& c, const NormAttrs& a) {
  const Tensor& x = c.input(0);
  const Tensor weight = optional(c, 1);
  const Tensor g = channels_last(c.grad(0));
  if (!grad_enabled()) {
    const Outputs d = apply(op::group_norm_grad(), {g, x, weight}, a);
    set_gradients(c, 1, d[0], d[1], d[2]);
    return;
  }
  const Normalized n = normalize(by_group(x, a.groups), {2}, a.eps);
  const Tensor h = weight.defined() ? mul(g, per_channel(weight, x.rank())) : g;
  const Tensor dx = reshape(normalize_grad(by_group(h, a.groups), n, {2}), x.shape());
  const Dims dims = all_but_channels(x.rank());
  set_gradients(c, 1, dx, sum(mul(g, reshape(n.value, x.shape())), dims), sum(g, dims));
}

Tensor input_or_none(Inputs in, size_t i) { return i < in.size() ? in[i] : Tensor{}; }

Tensor channel_input(Inputs in, size_t i) {
  const Tensor v = input_or_none(in, i);
  return v.defined() ? per_channel(v, in[0].rank()) : v;
}

Outputs reference_batch_norm(Inputs in, const NormAttrs& a) {
  const Tensor rstd = rsqrt(add(channel_input(in, 2), a.eps));
  const Tensor y =
      scale_shift(mul(sub(in[0], channel_input(in, 1)), rstd), channel_input(in, 3), channel_input(in, 4));
  return {to_dtype(a.relu ? relu(y) : y, in[0].dtype())};
}

Outputs reference_layer_norm(Inputs in, const NormAttrs& a) {
  const Tensor y = normalize(in[0], last_dims(in[0].rank(), a.dims), a.eps).value;
  return {to_dtype(scale_shift(y, input_or_none(in, 1), input_or_none(in, 2)), in[0].dtype())};
}

Outputs reference_group_norm(Inputs in, const NormAttrs& a) {
  const Tensor y = reshape(normalize(by_group(in[0], a.groups), {2}, a.eps).value, in[0].shape());
  return {to_dtype(scale_shift(y, channel_input(in, 1), channel_input(in, 2)), in[0].dtype())};
}

Cost for_each_input(double flops, Inputs in, Inputs out) {
  return {flops * static_cast<double>(in[0].numel()), moved_bytes(in, out)};
}
/// Sum, difference, square, sum.
Cost cost_stats(Inputs in, Inputs out, const NoAttrs&) { return for_each_input(4, in, out); }
/// Difference, scaling by 1 / std, weight, bias.
Cost cost_scale(Inputs in, Inputs out, const NormAttrs&) { return for_each_input(4, in, out); }
Cost cost_norm(Inputs in, Inputs out, const NormAttrs&) { return for_each_input(8, in, out); }
/// Two sums of products (4), normalised value again (2), combination (5).
Cost cost_grad(Inputs in, Inputs out, const NormAttrs&) { return for_each_input(11, in, out); }

OpDef fused(std::string_view name, std::string_view doc, void (*infer)(Infer&, const NormAttrs&),
            void (*vjp)(Vjp&, const NormAttrs&), Outputs (*reference)(Inputs, const NormAttrs&),
            Cost (*cost)(Inputs, Inputs, const NormAttrs&), OnnxMapping onnx = {}) {
  return define<NormAttrs>({.name = name,
                            .doc = doc,
                            .infer = infer,
                            .vjp = vjp,
                            .saves = Saves::kInputs,
                            .reference = reference,
                            .cost = cost,
                            .onnx = onnx});
}

}  // namespace

namespace op {

const OpDef& batch_stats() {
  static const OpDef def = define<NoAttrs>({.name = "batch_stats",
                                            .doc = "mean and population variance of each channel",
                                            .infer = infer_batch_stats,
                                            .cost = cost_stats});
  return def;
}
const OpDef& batch_norm_train() {
  static const OpDef def = fused("batch_norm_train", "normalisation of each channel over the batch",
                                 infer_batch_norm, vjp_batch_norm_train, reference_batch_norm, cost_scale);
  return def;
}
const OpDef& batch_norm_eval() {
  static const OpDef def =
      fused("batch_norm_eval", "normalisation of each channel with given statistics", infer_batch_norm,
            vjp_batch_norm_eval, reference_batch_norm, cost_scale, {"BatchNormalization", 15});
  return def;
}
const OpDef& batch_norm_grad() {
  static const OpDef def = fused("batch_norm_grad", "gradients of batch_norm_train", infer_batch_norm_grad,
                                 nullptr, nullptr, cost_grad);
  return def;
}
const OpDef& layer_norm() {
  static const OpDef def = fused("layer_norm", "normalisation over the last dimensions", infer_layer_norm,
                                 vjp_layer_norm, reference_layer_norm, cost_norm, {"LayerNormalization", 17});
  return def;
}
const OpDef& layer_norm_grad() {
  static const OpDef def =
      fused("layer_norm_grad", "gradients of layer_norm", infer_layer_norm_grad, nullptr, nullptr, cost_grad);
  return def;
}
const OpDef& group_norm() {
  static const OpDef def = fused("group_norm", "normalisation over groups of channels", infer_group_norm,
                                 vjp_group_norm, reference_group_norm, cost_norm, {"GroupNormalization", 21});
  return def;
}
const OpDef& group_norm_grad() {
  static const OpDef def =
      fused("group_norm_grad", "gradients of group_norm", infer_group_norm_grad, nullptr, nullptr, cost_grad);
  return def;
}

}  // namespace op

std::span<const OpDef* const> norm_ops() {
  static const OpDef* const list[] = {&op::batch_stats(),     &op::batch_norm_train(), &op::batch_norm_eval(),
                                      &op::batch_norm_grad(), &op::layer_norm(),       &op::layer_norm_grad(),
                                      &op::group_norm(),      &op::group_norm_grad()};
  return list;
}

BatchNormResult batch_norm_train(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps,
                                 bool relu) {
  const Tensor image = channels_last(x);
  Outputs stats;
  {
    // The gradient through the statistics is part of batch_norm_train's own.
    const NoGrad no_grad;
    stats = apply(op::batch_stats(), {image}, NoAttrs{});
  }
  return {apply1(op::batch_norm_train(), {image, stats[0], stats[1], weight, bias},
                 NormAttrs{.eps = eps, .relu = relu}),
          stats[0], stats[1]};
}

Tensor batch_norm_eval(const Tensor& x, const Tensor& mean, const Tensor& var, const Tensor& weight,
                       const Tensor& bias, double eps) {
  return apply1(op::batch_norm_eval(), {channels_last(x), mean, var, weight, bias}, NormAttrs{.eps = eps});
}

Tensor layer_norm(const Tensor& x, int64_t dims, const Tensor& weight, const Tensor& bias, double eps) {
  return apply1(op::layer_norm(), {contiguous(x), weight, bias}, NormAttrs{.eps = eps, .dims = dims});
}

Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias, double eps) {
  return apply1(op::group_norm(), {channels_last(x), weight, bias}, NormAttrs{.eps = eps, .groups = groups});
}

}  // namespace dlb
