#include "dlb/ops/pool.h"

#include <algorithm>
#include <limits>

#include "dlb/ops/conv.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/pool_defs.h"
#include "dlb/ops/shape_ops.h"

namespace dlb {

PoolWindows pool_windows(const PoolOpAttrs& a, size_t d) {
  PoolWindows w;
  const int64_t in = a.input[d];
  if (!a.adaptive.empty()) {
    const int64_t out = a.adaptive[d];
    for (int64_t o = 0; o < out; ++o) {
      const int64_t start = o * in / out;
      const int64_t count = ((o + 1) * in + out - 1) / out - start;
      w.start.push_back(start);
      w.count.push_back(count);
      w.largest = std::max(w.largest, count);
    }
    w.first.assign(w.start.size(), 0);
    w.divisor = w.count;
    return w;
  }
  const int64_t kernel = a.window.kernel[d];
  const int64_t stride = a.window.stride[d];
  const int64_t pad = a.window.padding[d];
  w.step = a.window.dilation[d];
  w.largest = kernel;
  const int64_t out = window_output_size(in, kernel, stride, pad, pad, w.step, a.window.ceil_mode);
  for (int64_t o = 0; o < out; ++o) {
    const int64_t begin = o * stride - pad;
    const int64_t first = begin < 0 ? (-begin + w.step - 1) / w.step : 0;
    const int64_t start = begin + first * w.step;
    const int64_t fitting = start < in ? (in - 1 - start) / w.step + 1 : 0;
    const int64_t count = std::clamp<int64_t>(kernel - first, 0, fitting);
    w.first.push_back(first);
    w.start.push_back(start);
    w.count.push_back(count);
    // Positions of ceil_mode beyond the padding never count; an empty window's sum is 0 whatever divides it.
    const int64_t covered = a.window.count_include_pad ? std::min(begin + kernel, in + pad) - begin : count;
    w.divisor.push_back(std::max<int64_t>(covered, 1));
  }
  return w;
}

namespace {

constexpr int64_t kLargest = int64_t{1} << 30;

std::string name_of(std::string_view kind, size_t spatial) { return fmt::format("{}{}d", kind, spatial); }

void check_input(const TensorSpec& x, size_t spatial, const std::string& name) {
  if (spatial < 1 || spatial > 3) {
    fail(ErrorKind::kShape, "{}: 1 to 3 spatial dimensions are supported, got {}", name, spatial);
  }
  if (x.rank() != static_cast<int>(spatial) + 2) {
    constexpr const char* kSpace[] = {"L", "H, W", "D, H, W"};
    fail(ErrorKind::kShape, "{} expects input [N, C, {}], got {}", name, kSpace[spatial - 1],
         shape_text(x.shape));
  }
  if (!is_floating(x.dtype)) {
    fail(ErrorKind::kDtype, "{} expects a floating dtype, got {}", name, dtype_name(x.dtype));
  }
}

void check_range(const Dims& values, int64_t least, const std::string& name, const char* what) {
  for (const int64_t v : values) {
    if (v < least || v > kLargest) {
      fail(ErrorKind::kShape, "{}: {} must be from {} to {}, got {}", name, what, least, kLargest, v);
    }
  }
}

/// Sizes of the output; raises every error of windows that do not fit.
Dims pooled_sizes(const PoolOpAttrs& a, const std::string& name) {
  for (const int64_t in : a.input) {
    if (in < 1) fail(ErrorKind::kShape, "{}: the input has a spatial size of 0", name);
    if (in > 2 * kLargest) fail(ErrorKind::kShape, "{}: a spatial size of {} is too large", name, in);
  }
  if (!a.adaptive.empty()) {
    check_range(a.adaptive, 0, name, "output size");
    return a.adaptive;
  }
  const PoolAttrs& w = a.window;
  check_range(w.kernel, 1, name, "kernel");
  check_range(w.stride, 1, name, "stride");
  check_range(w.padding, 0, name, "padding");
  check_range(w.dilation, 1, name, "dilation");
  Dims out;
  for (size_t i = 0; i < a.input.size(); ++i) {
    const int64_t reach = w.dilation[i] * (w.kernel[i] - 1) + 1;
    if (w.padding[i] > reach / 2) {
      if (w.dilation[i] == 1) {
        fail(ErrorKind::kShape, "{}: padding {} is more than half the kernel {}", name, w.padding[i],
             w.kernel[i]);
      }
      fail(ErrorKind::kShape, "{}: padding {} is more than half the reach {} of kernel {} (dilation {})",
           name, w.padding[i], reach, w.kernel[i], w.dilation[i]);
    }
    out.push_back(window_output_size(a.input[i], w.kernel[i], w.stride[i], w.padding[i], w.padding[i],
                                     w.dilation[i], w.ceil_mode));
    if (out.back() < 1) {
      fail(ErrorKind::kShape, "{}: kernel {} (dilation {}) is larger than the padded input: {} > {}", name,
           w.kernel[i], w.dilation[i], reach, a.input[i] + 2 * w.padding[i]);
    }
  }
  return out;
}

Shape image_shape(const TensorSpec& like, const Dims& spatial) {
  Shape shape{like.dim(0), like.dim(1)};
  for (const int64_t s : spatial) shape.push_back(s);
  return shape;
}

void output_image(Infer& c, const Shape& shape, DType dtype) {
  static_cast<void>(numel(shape));
  c.output(TensorSpec{dtype, c.input(0).device, shape, channels_last_strides(shape)});
}

/// Elements of the largest window, counting those in the padding.
int64_t largest_window(const PoolOpAttrs& a) {
  if (a.adaptive.empty()) return numel(a.window.kernel);
  Dims sizes;
  for (size_t i = 0; i < a.input.size(); ++i) sizes.push_back(pool_windows(a, i).largest);
  return numel(sizes);
}

/// The positions that max_pool keeps for the gradient take as little memory as the window allows.
DType index_dtype(const PoolOpAttrs& a, const std::string& name) {
  const int64_t window = largest_window(a);
  if (window > std::numeric_limits<int32_t>::max()) {
    fail(ErrorKind::kShape, "{}: a window of {} elements is too large", name, window);
  }
  return window <= 256 ? DType::kUInt8 : DType::kInt32;
}

void infer_max_pool(Infer& c, const PoolOpAttrs& a) {
  const std::string name = name_of("max_pool", a.input.size());
  check_input(c.input(0), a.input.size(), name);
  const Shape out = image_shape(c.input(0), pooled_sizes(a, name));
  output_image(c, out, c.input(0).dtype);
  output_image(c, out, index_dtype(a, name));
}

void infer_avg_pool(Infer& c, const PoolOpAttrs& a) {
  const std::string name = name_of("avg_pool", a.input.size());
  check_input(c.input(0), a.input.size(), name);
  output_image(c, image_shape(c.input(0), pooled_sizes(a, name)), c.input(0).dtype);
}

/// The gradient's input has the shape of the pooling's output.
void infer_spread(Infer& c, const PoolOpAttrs& a) {
  const std::string name = name_of("pool_grad", a.input.size());
  check_input(c.input(0), a.input.size(), name);
  const Shape pooled = image_shape(c.input(0), pooled_sizes(a, name));
  if (!(pooled == c.input(0).shape) || (c.has(1) && !(pooled == c.input(1).shape))) {
    fail(ErrorKind::kShape, "{} expects gradient {}, got {}", name, shape_text(pooled),
         shape_text(c.input(0).shape));
  }
  output_image(c, image_shape(c.input(0), a.input), c.input(0).dtype);
}

void infer_gather(Infer& c, const PoolOpAttrs& a) {
  const std::string name = name_of("max_pool_gather", a.input.size());
  check_input(c.input(0), a.input.size(), name);
  const Shape pooled = image_shape(c.input(0), pooled_sizes(a, name));
  if (!(pooled == c.input(1).shape)) {
    fail(ErrorKind::kShape, "{} expects index {}, got {}", name, shape_text(pooled),
         shape_text(c.input(1).shape));
  }
  output_image(c, pooled, c.input(0).dtype);
}

void infer_positions(Infer& c, const PoolOpAttrs& a) {
  const std::string name = name_of("max_pool_positions", a.input.size());
  const Shape pooled = image_shape(c.input(0), pooled_sizes(a, name));
  if (!(pooled == c.input(0).shape) || c.input(0).dtype != index_dtype(a, name)) {
    fail(ErrorKind::kShape, "{} expects index {}, got {}", name, shape_text(pooled),
         shape_text(c.input(0).shape));
  }
  static_cast<void>(numel(a.input));
  output_image(c, pooled, DType::kInt64);
}

Tensor channels_last(const Tensor& x) { return contiguous(x, Layout::kChannelsLast); }

Tensor run(const OpDef& def, const Tensor& x, const PoolOpAttrs& a) {
  return apply1(def, {channels_last(x)}, a);
}

Tensor run(const OpDef& def, const Tensor& x, const Tensor& index, const PoolOpAttrs& a) {
  return apply1(def, {channels_last(x), index}, a);
}

void vjp_max_pool(Vjp& c, const PoolOpAttrs& a) {
  if (c.needs(0)) c.input_grad(0, run(op::max_pool_grad(), c.grad(0), c.output(1), a));
}
void vjp_max_pool_grad(Vjp& c, const PoolOpAttrs& a) {
  if (c.needs(0)) c.input_grad(0, run(op::max_pool_gather(), c.grad(0), c.input(1), a));
}
void vjp_max_pool_gather(Vjp& c, const PoolOpAttrs& a) {
  if (c.needs(0)) c.input_grad(0, run(op::max_pool_grad(), c.grad(0), c.input(1), a));
}
void vjp_avg_pool(Vjp& c, const PoolOpAttrs& a) {
  if (c.needs(0)) c.input_grad(0, run(op::avg_pool_grad(), c.grad(0), a));
}
void vjp_avg_pool_grad(Vjp& c, const PoolOpAttrs& a) {
  if (c.needs(0)) c.input_grad(0, run(op::avg_pool(), c.grad(0), a));
}

/// One comparison or addition for each element of each window.
Cost cost_pool(Inputs in, Inputs out, const PoolOpAttrs& a) {
  double visited = static_cast<double>(out[0].dim(0) * out[0].dim(1));
  for (size_t i = 0; i < a.input.size(); ++i) {
    const PoolWindows w = pool_windows(a, i);
    double positions = 0;
    for (const int64_t n : w.count) positions += static_cast<double>(n);
    visited *= positions;
  }
  return {visited, moved_bytes(in, out)};
}

OpDef pooling(std::string_view name, std::string_view doc, void (*infer)(Infer&, const PoolOpAttrs&),
              void (*vjp)(Vjp&, const PoolOpAttrs&), Saves saves, OnnxMapping onnx = {}) {
  return define<PoolOpAttrs>({.name = name,
                              .doc = doc,
                              .infer = infer,
                              .vjp = vjp,
                              .saves = saves,
                              .cost = cost_pool,
                              .onnx = onnx});
}

}  // namespace

namespace op {

const OpDef& max_pool() {
  static const OpDef def = pooling("max_pool", "largest value in each window", infer_max_pool, vjp_max_pool,
                                   Saves::kOutputs, {"MaxPool", 12});
  return def;
}
const OpDef& adaptive_max_pool() {
  static const OpDef def =
      pooling("adaptive_max_pool", "largest value in windows that give a fixed output size", infer_max_pool,
              vjp_max_pool, Saves::kOutputs);
  return def;
}
const OpDef& max_pool_grad() {
  static const OpDef def = pooling("max_pool_grad", "gradient of max_pool's input", infer_spread,
                                   vjp_max_pool_grad, Saves::kInputs);
  return def;
}
const OpDef& max_pool_gather() {
  static const OpDef def = pooling("max_pool_gather", "elements at the positions that max_pool chose",
                                   infer_gather, vjp_max_pool_gather, Saves::kInputs);
  return def;
}
const OpDef& max_pool_positions() {
  static const OpDef def = pooling("max_pool_positions", "where in the input max_pool found its values",
                                   infer_positions, nullptr, Saves::kNothing);
  return def;
}
const OpDef& avg_pool() {
  static const OpDef def = pooling("avg_pool", "mean of each window", infer_avg_pool, vjp_avg_pool,
                                   Saves::kNothing, {"AveragePool", 11});
  return def;
}
const OpDef& adaptive_avg_pool() {
  static const OpDef def = pooling("adaptive_avg_pool", "mean of windows that give a fixed output size",
                                   infer_avg_pool, vjp_avg_pool, Saves::kNothing);
  return def;
}
const OpDef& avg_pool_grad() {
  static const OpDef def = pooling("avg_pool_grad", "gradient of avg_pool's input", infer_spread,
                                   vjp_avg_pool_grad, Saves::kNothing);
  return def;
}

}  // namespace op

std::span<const OpDef* const> pool_ops() {
  static const OpDef* const list[] = {
      &op::max_pool(),        &op::adaptive_max_pool(),  &op::max_pool_grad(),
      &op::max_pool_gather(), &op::max_pool_positions(), &op::max_unpool(),
      &op::avg_pool(),        &op::adaptive_avg_pool(),  &op::avg_pool_grad()};
  return list;
}

namespace {

Dims spatial_sizes(const Tensor& x, size_t spatial) {
  Dims sizes;
  // With another rank the sizes do not matter: infer() rejects it.
  for (size_t i = 0; i < spatial; ++i) sizes.push_back(i + 2 < x.shape().size() ? x.shape()[i + 2] : 1);
  return sizes;
}

Dims filled(const Dims& values, const Dims& defaults, const char* what) {
  if (values.empty()) return defaults;
  Dims out = values;
  while (values.size() == 1 && out.size() < defaults.size()) out.push_back(values[0]);
  if (out.size() != defaults.size()) {
    fail(ErrorKind::kShape, "pooling expects {} numbers for {}, got {}", defaults.size(), what,
         values.size());
  }
  return out;
}

PoolOpAttrs complete(const Tensor& x, const PoolAttrs& a) {
  // A single kernel size stands for all dimensions of the input.
  const size_t dims = static_cast<size_t>(std::clamp(x.rank() - 2, 1, 3));
  const size_t spatial = a.kernel.size() == 1 ? dims : a.kernel.size();
  PoolOpAttrs full{a, {}, spatial_sizes(x, spatial)};
  full.window.kernel = filled(a.kernel, Dims(spatial, 1), "kernel");
  full.window.stride = filled(a.stride, full.window.kernel, "stride");
  full.window.padding = filled(a.padding, Dims(spatial, 0), "padding");
  full.window.dilation = filled(a.dilation, Dims(spatial, 1), "dilation");
  return full;
}

}  // namespace

Tensor max_pool(const Tensor& x, const PoolAttrs& attrs) {
  return run(op::max_pool(), x, complete(x, attrs));
}

Tensor avg_pool(const Tensor& x, const PoolAttrs& attrs) {
  PoolOpAttrs full = complete(x, attrs);
  full.window.dilation = Dims(full.window.kernel.size(), 1);
  return run(op::avg_pool(), x, full);
}

namespace {

PoolOpAttrs adaptive(const Tensor& x, const Dims& output) {
  PoolOpAttrs a{{}, output, spatial_sizes(x, output.size())};
  for (size_t i = 0; i < output.size(); ++i) {
    if (output[i] == -1) a.adaptive[i] = a.input[i];
  }
  return a;
}

MaxPoolResult with_positions(const OpDef& def, const Tensor& x, const PoolOpAttrs& a) {
  const Outputs out = apply(def, {channels_last(x)}, a);
  return {out[0], apply1(op::max_pool_positions(), {out[1]}, a)};
}

}  // namespace

Tensor adaptive_avg_pool(const Tensor& x, Dims output) {
  return run(op::adaptive_avg_pool(), x, adaptive(x, output));
}

Tensor adaptive_max_pool(const Tensor& x, Dims output) {
  return run(op::adaptive_max_pool(), x, adaptive(x, output));
}

MaxPoolResult max_pool_with_indices(const Tensor& x, const PoolAttrs& attrs) {
  return with_positions(op::max_pool(), x, complete(x, attrs));
}

MaxPoolResult adaptive_max_pool_with_indices(const Tensor& x, Dims output) {
  return with_positions(op::adaptive_max_pool(), x, adaptive(x, output));
}

}  // namespace dlb
