// Products, convolutions, pooling, normalisation and attention in ONNX.
#include <algorithm>
#include <cmath>
#include <limits>

#include "dlb/deploy/emit.h"
#include "dlb/ops/attention_defs.h"
#include "dlb/ops/conv_defs.h"
#include "dlb/ops/create.h"
#include "dlb/ops/grid_sample_defs.h"
#include "dlb/ops/interpolate_defs.h"
#include "dlb/ops/norm_defs.h"
#include "dlb/ops/pool_defs.h"
#include "dlb/ops/softmax_defs.h"

namespace dlb::deploy {

namespace {

std::vector<int64_t> listed(const Dims& dims) { return {dims.begin(), dims.end()}; }

void matmul(Emit& e) { e.output(e.add("MatMul", {e.in(0), e.in(1)})); }

void linear(Emit& e) {
  if (e.spec(0).rank() == 2) {
    return e.output(e.add("Gemm", {e.in(0), e.in(1), e.in(2)}, {attribute("transB", int64_t{1})}));
  }
  const std::string weight = e.add("Transpose", {e.in(1)}, {attribute("perm", std::vector<int64_t>{1, 0})});
  std::string y = e.add("MatMul", {e.in(0), weight});
  if (e.has(2)) y = e.add("Add", {y, e.in(2)});
  e.output(y);
}

std::vector<graph::Attribute> conv_attributes(const ConvAttrs& a) {
  std::vector<int64_t> pads = listed(a.padding);
  pads.insert(pads.end(), a.padding_after.begin(), a.padding_after.end());
  return {attribute("strides", listed(a.stride)), attribute("pads", pads),
          attribute("dilations", listed(a.dilation)), attribute("group", a.groups)};
}

std::vector<int64_t> kernel_of(const Emit& e) {
  const Shape& weight = e.spec(1).shape;
  return {weight.begin() + 2, weight.end()};
}

void conv(Emit& e) {
  const auto& a = e.attrs<ConvAttrs>();
  std::vector<graph::Attribute> attributes = conv_attributes(a);
  attributes.push_back(attribute("kernel_shape", kernel_of(e)));
  std::string y = e.add("Conv", {e.in(0), e.in(1), e.in(2)}, std::move(attributes));
  if (a.relu || e.node().op->name == "conv_relu") y = e.add("Relu", {y});
  e.output(y);
}

void conv_input_grad(Emit& e) {
  const ConvAttrs& a = e.attrs<ConvGradAttrs>().conv;
  std::vector<graph::Attribute> attributes = conv_attributes(a);
  attributes.push_back(attribute("kernel_shape", kernel_of(e)));
  std::vector<int64_t> more;  // what the convolution's rounding has lost
  for (int64_t d = 0; d < static_cast<int64_t>(a.stride.size()); ++d) {
    const size_t i = static_cast<size_t>(d);
    const int64_t least = (e.spec(0).dim(d + 2) - 1) * a.stride[i] +
                          a.dilation[i] * (e.spec(1).dim(d + 2) - 1) + 1 - a.padding[i] - a.padding_after[i];
    more.push_back(e.out_spec().dim(d + 2) - least);
  }
  attributes.push_back(attribute("output_padding", more));
  e.output(e.add("ConvTranspose", {e.in(0), e.in(1)}, std::move(attributes)));
}

std::vector<graph::Attribute> pool_attributes(const PoolAttrs& a) {
  std::vector<int64_t> pads = listed(a.padding);
  pads.insert(pads.end(), a.padding.begin(), a.padding.end());
  return {attribute("kernel_shape", listed(a.kernel)), attribute("strides", listed(a.stride)),
          attribute("pads", pads), attribute("ceil_mode", int64_t{a.ceil_mode ? 1 : 0})};
}

/// Whether some node of a block, or of those within it, reads a value.
bool reads(const TracedBlock& block, int value) {
  return std::any_of(block.nodes.begin(), block.nodes.end(), [&](const TracedNode& node) {
    return std::find(node.inputs.begin(), node.inputs.end(), value) != node.inputs.end() ||
           std::any_of(node.blocks.begin(), node.blocks.end(),
                       [&](const TracedBlock& inner) { return reads(inner, value); });
  });
}

/// Our second output says where in its window an element was. What reads it are operators that want positions
/// in the plane, so these stand for it; ONNX has those in the whole tensor.
void max_pool(Emit& e) {
  const PoolAttrs& a = e.attrs<PoolOpAttrs>().window;
  std::vector<graph::Attribute> attributes = pool_attributes(a);
  attributes.push_back(attribute("dilations", listed(a.dilation)));
  const std::vector<int>& outputs = e.node().outputs;
  if (outputs.size() < 2 || !reads(e.builder().trace().top, outputs[1]))
    return e.output(e.add("MaxPool", {e.in(0)}, std::move(attributes)));
  int64_t plane = 1;
  for (int64_t d = 2; d < e.spec(0).rank(); ++d) {
    if (!is_constant(e.dim(0, d)))
      e.unsupported("where the largest values are, in an image whose size depends on those of the inputs");
    plane *= e.spec(0).dim(d);
  }
  const std::vector<std::string> y = e.add_many("MaxPool", {e.in(0)}, 2, std::move(attributes));
  e.output(y[0], 0);
  e.output(e.add("Mod", {y[1], e.constant(Tensor::from(std::vector<int64_t>{plane}, {}))}), 1);
}

void avg_pool(Emit& e) {
  const PoolAttrs& a = e.attrs<PoolOpAttrs>().window;
  if (a.divisor != 0) e.unsupported("average pooling with a divisor of its own");
  std::vector<graph::Attribute> attributes = pool_attributes(a);
  attributes.push_back(attribute("count_include_pad", int64_t{a.count_include_pad ? 1 : 0}));
  e.output(e.add("AveragePool", {e.in(0)}, std::move(attributes)));
}

void adaptive_pool(Emit& e) {
  const bool max = e.node().op->name == "adaptive_max_pool";
  const Dims& out = e.attrs<PoolOpAttrs>().adaptive;
  bool global = true;
  std::vector<int64_t> kernel;
  for (size_t i = 0; i < out.size(); ++i) {
    const Size in = e.dim(0, static_cast<int64_t>(i) + 2);
    global = global && out[i] == 1;
    if (!global && (!is_constant(in) || in[0] % out[i] != 0))
      e.unsupported("adaptive pooling of {} to {}, whose windows differ in size", in[0], out[i]);
    kernel.push_back(in[0] / out[i]);
  }
  if (global) return e.output(e.add(max ? "GlobalMaxPool" : "GlobalAveragePool", {e.in(0)}));
  e.output(e.add(max ? "MaxPool" : "AveragePool", {e.in(0)},
                 {attribute("kernel_shape", kernel), attribute("strides", kernel)}));
}

/// Input i, or a vector of ones or zeros where it is left out.
std::string vector_or(Emit& e, size_t i, int64_t length, double value, DType dtype) {
  return e.has(i) ? e.in_as(i, dtype) : e.constant(full(Shape{length}, value, dtype));
}

void batch_norm_eval(Emit& e) {
  const DType t = e.out_spec().dtype;
  const int64_t channels = e.spec(0).dim(1);
  e.output(e.add("BatchNormalization",
                 {e.in(0), vector_or(e, 3, channels, 1, t), vector_or(e, 4, channels, 0, t), e.in_as(1, t),
                  e.in_as(2, t)},
                 {attribute("epsilon", e.attrs<NormAttrs>().eps)}));
}

void layer_norm(Emit& e) {
  const auto& a = e.attrs<NormAttrs>();
  const DType t = e.out_spec().dtype;
  const Shape& shape = e.spec(0).shape;
  Shape normalized(shape.end() - a.dims, shape.end());
  const std::string weight = e.has(1) ? e.in_as(1, t) : e.constant(ones(normalized, t));
  e.output(e.add("LayerNormalization", {e.in(0), weight, e.has(2) ? e.in_as(2, t) : ""},
                 {attribute("axis", -a.dims), attribute("epsilon", a.eps)}));
}

/// Each group of a sample as one channel of an instance normalisation.
void group_norm(Emit& e) {
  const auto& a = e.attrs<NormAttrs>();
  const DType t = e.out_spec().dtype;
  const int64_t rank = e.spec(0).rank(), channels = e.spec(0).dim(1);
  const std::string groups = e.add("Reshape", {e.in(0), e.ints({0, a.groups, -1})});
  std::string y = e.add("InstanceNormalization",
                        {groups, e.constant(ones(Shape{a.groups}, t)), e.constant(zeros(Shape{a.groups}, t))},
                        {attribute("epsilon", a.eps)});
  y = e.add("Reshape", {y, e.add("Shape", {e.in(0)})});
  std::vector<int64_t> around(static_cast<size_t>(rank) - 1, 1);
  around[0] = channels;
  if (e.has(1)) y = e.add("Mul", {y, e.add("Reshape", {e.in_as(1, t), e.ints(around)})});
  if (e.has(2)) y = e.add("Add", {y, e.add("Reshape", {e.in_as(2, t), e.ints(around)})});
  e.output(y);
}

void softmax(Emit& e) {
  e.output(e.add(std::string(e.node().op->onnx.type), {e.in(0)},
                 {attribute("axis", e.attrs<SoftmaxAttrs>().dim)}));
}

/// softmax(scale q k^T + mask) v of [B, H, L, E], [B, G, S, E] and [B, G, S, Ev].
std::string attention_of(Emit& e, const std::string& q, std::string k, std::string v, int64_t heads,
                         int64_t kv_heads, const AttentionAttrs& a, const std::string& mask, DType mask_type,
                         DType t) {
  if (heads != kv_heads) {  // each head of keys and values stands for several
    const int64_t each = heads / kv_heads;
    const auto repeated = [&](const std::string& x) {
      const std::string wide = e.add("Unsqueeze", {x, e.ints({2})});
      const std::string tiled = e.add("Tile", {wide, e.ints({1, 1, each, 1, 1})});
      const std::string shape =
          e.add("Concat",
                {e.add("Shape", {x}, {attribute("start", int64_t{0}), attribute("end", int64_t{1})}),
                 e.ints({heads}), e.add("Shape", {x}, {attribute("start", int64_t{2})})},
                {attribute("axis", int64_t{0})});
      return e.add("Reshape", {tiled, shape});
    };
    k = repeated(k);
    v = repeated(v);
  }
  const std::string keys = e.add("Transpose", {k}, {attribute("perm", std::vector<int64_t>{0, 1, 3, 2})});
  std::string scores = e.add("MatMul", {e.add("Mul", {q, e.number(a.scale, t)}), keys});
  const std::string minus_infinity = e.number(-std::numeric_limits<double>::infinity(), t);
  bool may_see_nothing = false;
  if (a.causal) {
    // From the queries and keys, so that nothing but the softmax reads the scores.
    const auto length = [&](const std::string& x) {
      return e.add("Shape", {x}, {attribute("start", int64_t{2}), attribute("end", int64_t{3})});
    };
    const std::string shape = e.add("Concat", {length(q), length(k)}, {attribute("axis", int64_t{0})});
    const std::string seen =
        e.add("Trilu", {e.add("Expand", {e.number(1, t), shape})}, {attribute("upper", int64_t{0})});
    scores = e.add("Where", {e.cast(seen, DType::kBool), scores, minus_infinity});
  }
  if (!mask.empty() && mask_type == DType::kBool) {
    scores = e.add("Where", {mask, scores, minus_infinity});
    may_see_nothing = true;
  } else if (!mask.empty()) {
    scores = e.add("Add", {scores, mask});
    may_see_nothing = true;  // the mask may hold infinities
  }
  std::string weights = e.add("Softmax", {scores}, {attribute("axis", int64_t{-1})});
  if (may_see_nothing)  // rows that see nothing give zeros
    weights = e.add("Where", {e.add("IsNaN", {weights}), e.number(0, t), weights});
  return e.add("MatMul", {weights, v});
}

void attention(Emit& e) {
  const auto& a = e.attrs<AttentionAttrs>();
  const std::string mask = e.has(3) ? e.in(3) : "";
  e.output(attention_of(e, e.in(0), e.in(1), e.in(2), e.spec(0).dim(1), e.spec(1).dim(1), a, mask,
                        e.has(3) ? e.spec(3).dtype : DType::kFloat32, e.out_spec().dtype));
}

/// qkv [B, T, heads + 2 kv_heads, E] -> [B, T, heads, E].
void packed_attention(Emit& e) {
  const auto& a = e.attrs<PackedAttentionAttrs>();
  const std::string by_head =
      e.add("Transpose", {e.in(0)}, {attribute("perm", std::vector<int64_t>{0, 2, 1, 3})});
  const std::vector<std::string> parts = e.add_many(
      "Split", {by_head, e.ints({a.heads, a.kv_heads, a.kv_heads})}, 3, {attribute("axis", int64_t{1})});
  const std::string y = attention_of(e, parts[0], parts[1], parts[2], a.heads, a.kv_heads, a.form, "",
                                     DType::kFloat32, e.out_spec().dtype);
  e.output(e.add("Transpose", {y}, {attribute("perm", std::vector<int64_t>{0, 2, 1, 3})}));
}

void resample(Emit& e) {
  const auto& a = e.attrs<ResampleAttrs>();
  if (a.antialias || a.transposed) e.unsupported("resizing with antialiasing");
  std::vector<graph::Attribute> attributes;
  const bool nearest = a.mode.starts_with("nearest");
  attributes.push_back(attribute("mode", nearest ? "nearest" : a.mode == "linear" ? "linear" : "cubic"));
  if (a.mode == "nearest") {
    attributes.push_back(attribute("coordinate_transformation_mode", "asymmetric"));
    attributes.push_back(attribute("nearest_mode", "floor"));
  } else if (nearest) {
    attributes.push_back(attribute("coordinate_transformation_mode", "half_pixel"));
    attributes.push_back(attribute("nearest_mode", "round_prefer_ceil"));
  } else {
    attributes.push_back(attribute("coordinate_transformation_mode",
                                   a.align_corners ? "align_corners" : "pytorch_half_pixel"));
    attributes.push_back(attribute("cubic_coeff_a", -0.75));
  }
  const int64_t rank = e.spec(0).rank();
  const Size out = e.out_dim(0, a.dim), in = e.dim(0, a.dim);
  const bool exact =
      a.scale_factor == 0 || static_cast<double>(in[0]) * a.scale_factor == static_cast<double>(out[0]);
  if (!exact) {
    std::vector<float> scales(static_cast<size_t>(rank), 1);
    scales[static_cast<size_t>(a.dim)] = static_cast<float>(a.scale_factor);
    return e.output(e.add("Resize", {e.in(0), "", e.constant(Tensor::from(scales, {rank}))}, attributes));
  }
  std::vector<Size> sizes;
  for (int64_t d = 0; d < rank; ++d) sizes.push_back(d == a.dim ? out : e.dim(0, d));
  e.output(e.add("Resize", {e.in(0), "", "", e.sizes(sizes)}, attributes));
}

void grid_sample(Emit& e) {
  const auto& a = e.attrs<GridSampleAttrs>();
  constexpr const char* kModes[] = {"bilinear", "nearest", "bicubic"};
  constexpr const char* kPaddings[] = {"zeros", "border", "reflection"};
  if (e.spec(0).rank() != 4) e.unsupported("sampling of volumes");
  e.output(e.add("GridSample", {e.in(0), e.in(1)},
                 {attribute("mode", kModes[a.mode]), attribute("padding_mode", kPaddings[a.padding_mode]),
                  attribute("align_corners", int64_t{a.align_corners ? 1 : 0})}));
}

constexpr EmitterRow kRows[] = {
    {"matmul", &matmul},
    {"linear", &linear},
    {"conv", &conv},
    {"conv_relu", &conv},
    {"conv_input_grad", &conv_input_grad},
    {"max_pool", &max_pool},
    {"avg_pool", &avg_pool},
    {"adaptive_avg_pool", &adaptive_pool},
    {"adaptive_max_pool", &adaptive_pool},
    {"batch_norm_eval", &batch_norm_eval},
    {"layer_norm", &layer_norm},
    {"group_norm", &group_norm},
    {"softmax", &softmax},
    {"log_softmax", &softmax},
    {"attention", &attention},
    {"packed_attention", &packed_attention},
    {"resample", &resample},
    {"grid_sample", &grid_sample},
};

}  // namespace

std::span<const EmitterRow> neural_emitters() { return kRows; }

}  // namespace dlb::deploy
