#include "dlb/backend/cpu/conv_im2col.h"
#include "dlb/backend/cpu/kernels.h"
#include "dlb/backend/cpu/layout.h"
#include "dlb/backend/cpu/onednn.h"
#include "dlb/ops/conv_defs.h"

namespace dlb::backend::cpu {
namespace {

using dnnl::memory;

/// A convolution as oneDNN sees it: the three tensors in our memory order, and in whatever order it chooses
/// itself.
struct Geometry {
  memory::desc x, weight, bias, y;
  memory::desc x_any, weight_any, bias_any, y_any;
  memory::dims strides, dilates, before, after;
  bool winograd = false;
};

/// Whether Winograd's minimal filtering, F(4x4, 3x3), is tried: it needs a quarter of the multiplications of
/// a direct 3x3 convolution, which pays for reordering the images when there is much to multiply. Its
/// rounding error is several times larger (some 1e-6 of the largest output), as in every library that uses
/// it.
bool suits_winograd(const Shape& w, const Shape& y, const ConvAttrs& a, DType dtype) {
  if (dtype != DType::kFloat32 || a.groups != 1 || w.size() != 4 || w[2] != 3 || w[3] != 3) return false;
  for (size_t i = 0; i < 2; ++i) {
    if (a.stride[i] != 1 || a.dilation[i] != 1 || y[i + 2] < 8) return false;
  }
  constexpr double kLeastMultiplications = 1e8;
  // Each weight is read once for all tiles of 4x4 pixels; with few of them that is what takes the time.
  constexpr int64_t kLeastTiles = 32;
  if (y[0] * ((y[2] + 3) / 4) * ((y[3] + 3) / 4) < kLeastTiles) return false;
  return w[0] % 16 == 0 && w[1] % 16 == 0 &&
         static_cast<double>(numel(w)) * static_cast<double>(y[0] * y[2] * y[3]) >= kLeastMultiplications;
}

memory::dims dims_of(const Dims& d) { return {d.begin(), d.end()}; }

memory::desc image_desc(const Shape& shape, memory::data_type type) {
  return {dims_of(shape), type, dims_of(channels_last_strides(shape))};
}

memory::desc any_desc(const memory::desc& d) { return {d.dims(), d.data_type(), memory::format_tag::any}; }

Geometry geometry(const Shape& x, const Shape& w, const Shape& y, const ConvAttrs& a, DType dtype) {
  const memory::data_type type = onednn::data_type(dtype);
  Shape grouped = w;
  if (a.groups > 1) {
    grouped[0] /= a.groups;
    grouped.insert(0, a.groups);
  }
  Geometry g;
  g.x = image_desc(x, type);
  g.y = image_desc(y, type);
  g.weight = {dims_of(grouped), type, dims_of(contiguous_strides(grouped))};
  g.bias = {{w[0]}, type, memory::format_tag::a};
  g.x_any = any_desc(g.x);
  g.y_any = any_desc(g.y);
  g.weight_any = any_desc(g.weight);
  g.bias_any = g.bias;
  g.strides = dims_of(a.stride);
  g.before = dims_of(a.padding);
  g.after = dims_of(a.padding_after);
  for (const int64_t d : a.dilation) g.dilates.push_back(d - 1);
  g.winograd = suits_winograd(w, y, a, dtype);
  return g;
}

onednn::Key conv_key(onednn::Kind kind, const Shape& x, const Shape& w, const ConvAttrs& a, DType dtype,
                     bool bias) {
  onednn::Key key(kind);
  for (const int64_t v : {static_cast<int64_t>(dtype), a.groups, int64_t{a.relu}, int64_t{bias}}) key.add(v);
  for (const Dims* d : {&x, &w, &a.stride, &a.padding, &a.padding_after, &a.dilation}) key.add(*d);
  return key;
}

/// Multiply-adds of a convolution, and of each of its gradients.
int64_t work_of(const Shape& y, const Shape& w) { return w[0] == 0 ? 0 : numel(y) * (numel(w) / w[0]); }

bool is_reference(const char* implementation) { return std::string_view(implementation).starts_with("ref"); }

/// Winograd's algorithm where it suits and oneDNN has it; else directly with images in our order if there is
/// a fast implementation for it, else in the order that oneDNN chooses.
template <class Make>
auto best_of(const Geometry& g, const Make& make) {
  using dnnl::algorithm;
  if (g.winograd) {
    try {
      return make(algorithm::convolution_winograd, g.x_any, g.y_any);
    } catch (const dnnl::error& e) {
      if (e.status != dnnl_unimplemented) throw;
    }
  }
  auto ours = make(algorithm::convolution_direct, g.x, g.y);
  if (!is_reference(ours.impl_info_str())) return ours;
  auto theirs = make(algorithm::convolution_direct, g.x_any, g.y_any);
  return is_reference(theirs.impl_info_str()) ? ours : theirs;
}

dnnl::convolution_forward::primitive_desc forward_desc(const Geometry& g, bool bias,
                                                       const dnnl::post_ops& after) {
  dnnl::primitive_attr attr = onednn::attributes();
  attr.set_post_ops(after);
  return best_of(g, [&](dnnl::algorithm algorithm, const memory::desc& x, const memory::desc& y) {
    using dnnl::convolution_forward;
    const auto kind = dnnl::prop_kind::forward_training;
    const convolution_forward::desc desc =
        bias ? convolution_forward::desc(kind, algorithm, x, g.weight_any, g.bias_any, y, g.strides,
                                         g.dilates, g.before, g.after)
             : convolution_forward::desc(kind, algorithm, x, g.weight_any, y, g.strides, g.dilates, g.before,
                                         g.after);
    return convolution_forward::primitive_desc(desc, attr, onednn::engine());
  });
}

onednn::Plan forward_plan(const Geometry& g, bool bias, bool residual, const Epilogue& e) {
  const auto made = forward_desc(g, bias, onednn::post_ops(residual, e));
  onednn::Plan plan = onednn::start_plan<dnnl::convolution_forward>(made);
  plan.input(DNNL_ARG_SRC, g.x, made.src_desc());
  plan.input(DNNL_ARG_WEIGHTS, g.weight, made.weights_desc());
  if (bias) plan.input(DNNL_ARG_BIAS, g.bias, made.bias_desc());
  plan.output(DNNL_ARG_DST, g.y, made.dst_desc(), residual);
  return plan;
}

onednn::Plan input_grad_plan(const Geometry& g) {
  const auto hint = forward_desc(g, false, {});
  const auto made = best_of(g, [&](dnnl::algorithm algorithm, const memory::desc& x, const memory::desc& y) {
    using dnnl::convolution_backward_data;
    const convolution_backward_data::desc desc(algorithm, x, g.weight_any, y, g.strides, g.dilates, g.before,
                                               g.after);
    return convolution_backward_data::primitive_desc(desc, onednn::attributes(), onednn::engine(), hint);
  });
  onednn::Plan plan = onednn::start_plan<dnnl::convolution_backward_data>(made);
  plan.input(DNNL_ARG_DIFF_DST, g.y, made.diff_dst_desc());
  plan.input(DNNL_ARG_WEIGHTS, g.weight, made.weights_desc());
  plan.output(DNNL_ARG_DIFF_SRC, g.x, made.diff_src_desc());
  return plan;
}

onednn::Plan weight_grad_plan(const Geometry& g, bool bias) {
  const auto hint = forward_desc(g, bias, {});
  const auto made = best_of(g, [&](dnnl::algorithm algorithm, const memory::desc& x, const memory::desc& y) {
    using dnnl::convolution_backward_weights;
    const convolution_backward_weights::desc desc =
        bias ? convolution_backward_weights::desc(algorithm, x, g.weight_any, g.bias_any, y, g.strides,
                                                  g.dilates, g.before, g.after)
             : convolution_backward_weights::desc(algorithm, x, g.weight_any, y, g.strides, g.dilates,
                                                  g.before, g.after);
    return convolution_backward_weights::primitive_desc(desc, onednn::attributes(), onednn::engine(), hint);
  });
  onednn::Plan plan = onednn::start_plan<dnnl::convolution_backward_weights>(made);
  plan.input(DNNL_ARG_DIFF_DST, g.y, made.diff_dst_desc());
  plan.input(DNNL_ARG_SRC, g.x, made.src_desc());
  plan.output(DNNL_ARG_DIFF_WEIGHTS, g.weight, made.diff_weights_desc());
  if (bias) plan.output(DNNL_ARG_DIFF_BIAS, g.bias, made.diff_bias_desc());
  return plan;
}

Tensor as_float(const Tensor& t) { return t.defined() ? as_dtype(t, DType::kFloat32) : t; }

/// Runs `kernel` on float32 copies: for 16-bit types that the processor has no instructions for.
template <class A>
void through_float(const KernelArgs& args, const A& attrs, void (*kernel)(const KernelArgs&, const A&)) {
  InlineVector<Tensor, 3> inputs;
  for (const Tensor& t : args.inputs) inputs.push_back(as_float(t));
  Outputs outputs;
  for (const Tensor& t : args.outputs) {
    TensorSpec spec = t.spec();
    spec.dtype = DType::kFloat32;
    outputs.push_back(Tensor::empty(spec));
  }
  kernel({{inputs.data(), inputs.size()}, {outputs.data(), outputs.size()}}, attrs);
  for (size_t i = 0; i < outputs.size(); ++i) args.outputs[i].assign(outputs[i]);
}

void fill_zero(const Tensor& t) {
  const size_t bytes = t.spec().bytes();
  char* data = static_cast<char*>(t.raw());
  std::fill(data, data + bytes, char{0});
}

/// The convolution with what follows it, where oneDNN can; false where it cannot.
bool run_forward(const KernelArgs& args, const ConvAttrs& a, const Epilogue& e) {
  const Tensor& y = args.out(0);
  const Tensor x = channels_last(args.in(0));
  const Tensor w = row_major(args.in(1));
  const Tensor bias = args.has(2) ? row_major(args.in(2)) : Tensor{};
  const Tensor residual = args.has(3) ? channels_last(args.in(3)) : Tensor{};
  onednn::Key key = conv_key(onednn::Kind::kConv, x.shape(), w.shape(), a, y.dtype(), bias.defined());
  onednn::add(key, residual.defined(), e);
  const auto plan = onednn::plan(key, work_of(y.shape(), w.shape()), [&] {
    return forward_plan(geometry(x.shape(), w.shape(), y.shape(), a, y.dtype()), bias.defined(),
                        residual.defined(), e);
  });
  if (!plan) return false;
  onednn::execute_product(*plan, x, w, bias, residual, y);
  return true;
}

void forward(const KernelArgs& args, const ConvAttrs& a) {
  const Tensor& y = args.out(0);
  if (y.numel() == 0) return;
  if (y.dtype() == DType::kFloat16) return through_float(args, a, forward);
  if (y.dtype() == DType::kFloat64) {
    const Tensor bias = args.has(2) ? row_major(args.in(2)) : Tensor{};
    return conv_forward_im2col(channels_last(args.in(0)), row_major(args.in(1)), bias, y, a);
  }
  if (run_forward(args, a, {a.relu ? Activation::kRelu : Activation::kNone})) return;
  DLB_CHECK(y.dtype() == DType::kBFloat16);
  through_float(args, a, forward);
}

void fused_forward(const KernelArgs& args, const FusedConvAttrs& a) {
  const Tensor& y = args.out(0);
  if (y.numel() == 0) return;
  if (y.dtype() == DType::kFloat32 && run_forward(args, a.conv, a.epilogue)) return;
  const NoGrad no_grad;
  const Tensor linear = conv(args.in(0), args.in(1), args.has(2) ? args.in(2) : Tensor{}, a.conv);
  y.assign(apply_epilogue(linear, args.has(3) ? args.in(3) : Tensor{}, a.epilogue));
}

void input_grad(const KernelArgs& args, const ConvGradAttrs& a) {
  const Tensor& dx = args.out(0);
  if (args.in(0).numel() == 0) return fill_zero(dx);
  if (dx.dtype() == DType::kFloat16) return through_float(args, a, input_grad);
  const Tensor g = channels_last(args.in(0));
  const Tensor w = row_major(args.in(1));
  if (dx.dtype() == DType::kFloat64) return conv_input_grad_im2col(g, w, dx, a.conv);
  const auto plan = onednn::plan(
      conv_key(onednn::Kind::kConvInputGrad, dx.shape(), w.shape(), a.conv, dx.dtype(), false),
      work_of(g.shape(), w.shape()),
      [&] { return input_grad_plan(geometry(dx.shape(), w.shape(), g.shape(), a.conv, dx.dtype())); });
  if (!plan) {
    DLB_CHECK(dx.dtype() == DType::kBFloat16);
    return through_float(args, a, input_grad);
  }
  onednn::execute(*plan, {g.raw(), w.raw(), dx.raw()});
}

void weight_grad(const KernelArgs& args, const ConvGradAttrs& a) {
  const Tensor& dw = args.out(0);
  if (args.in(0).numel() == 0) {
    for (const Tensor& t : args.outputs) fill_zero(t);
    return;
  }
  if (dw.dtype() == DType::kFloat16) return through_float(args, a, weight_grad);
  const Tensor g = channels_last(args.in(0));
  const Tensor x = channels_last(args.in(1));
  const Tensor db = a.bias ? args.out(1) : Tensor{};
  if (dw.dtype() == DType::kFloat64) return conv_weight_grad_im2col(g, x, dw, db, a.conv);
  const auto plan = onednn::plan(
      conv_key(onednn::Kind::kConvWeightGrad, x.shape(), dw.shape(), a.conv, dw.dtype(), a.bias),
      work_of(g.shape(), dw.shape()), [&] {
        return weight_grad_plan(geometry(x.shape(), dw.shape(), g.shape(), a.conv, dw.dtype()), a.bias);
      });
  if (!plan) {
    DLB_CHECK(dw.dtype() == DType::kBFloat16);
    return through_float(args, a, weight_grad);
  }
  if (a.bias) {
    onednn::execute(*plan, {g.raw(), x.raw(), dw.raw(), db.raw()});
  } else {
    onednn::execute(*plan, {g.raw(), x.raw(), dw.raw()});
  }
}

}  // namespace

void install_conv() {
  set_kernel(op::conv(), DeviceKind::kCpu, forward);
  set_kernel(op::conv_relu(), DeviceKind::kCpu, forward);
  set_kernel(op::fused_conv(), DeviceKind::kCpu, fused_forward);
  set_kernel(op::conv_input_grad(), DeviceKind::kCpu, input_grad);
  set_kernel(op::conv_weight_grad(), DeviceKind::kCpu, weight_grad);
}

}  // namespace dlb::backend::cpu
