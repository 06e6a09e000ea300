// PyTorch's Transformer layers, with its names of parameters.
#include "dlb/nn/attention.h"
#include "dlb/nn/init.h"
#include "dlb/nn/named_inputs.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/norm.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"
#include "dlb/ops/view.h"

namespace dlb::nn {

namespace {

std::vector<Field> layer_fields() {
  using T = TransformerLayerBase;
  return {
      field<&T::heads>("heads", "number of attention heads", between(1, kMostHeads)),
      field<&T::hidden>("hidden", "features inside the net", positive()),
      field<&T::dropout>("dropout", "probability of zeroing an element", between(0, 1)),
      field<&T::activation>("activation", "of the net", one_of({"relu", "gelu", "silu"})),
      field<&T::norm_first>("norm_first", "normalise the input of each part, not the sum behind it"),
      field<&T::causal>("causal", "a position sees only itself and those before it"),
      field<&T::eps>("eps", "added to the variances", positive()),
      field<&T::bias>("bias", "add biases"),
  };
}

}  // namespace

void TransformerLayerBase::build_base(Build& b, std::string_view layer, size_t norms) {
  const TensorSpec& x = b.input();
  b.expect(x.rank() == 3 && x.dim(2) > 0, layer, "[N, T, features]");
  const int64_t features = x.dim(2);
  expect_features(features, layer);
  if (features % heads != 0) {
    fail(ErrorKind::kShape, "{} with heads {} needs features divisible by it, got {}", layer, heads,
         features);
  }
  form_ = {heads, heads, features / heads, false, dropout};
  self_ = projections(b, "self_attn", features);
  w1_ = b.parameter("linear1.weight", {hidden, features}, kaiming_uniform());
  if (bias) b1_ = b.parameter("linear1.bias", {hidden}, uniform_fan(features));
  w2_ = b.parameter("linear2.weight", {features, hidden}, kaiming_uniform());
  if (bias) b2_ = b.parameter("linear2.bias", {features}, uniform_fan(hidden));
  norms_.resize(norms);
  for (size_t i = 0; i < norms; ++i) {
    const std::string name = fmt::format("norm{}", i + 1);
    norms_[i].weight = b.parameter(name + ".weight", {features}, constant_init(1));
    if (bias) norms_[i].bias = b.parameter(name + ".bias", {features}, constant_init(0));
  }
}

TransformerLayerBase::Projections TransformerLayerBase::projections(Build& b, const std::string& name,
                                                                    int64_t features) const {
  Projections p;
  p.in = b.parameter(name + ".in_proj_weight", {3 * features, features}, xavier_uniform());
  if (bias) p.in_bias = b.parameter(name + ".in_proj_bias", {3 * features}, constant_init(0));
  p.out = b.parameter(name + ".out_proj.weight", {features, features}, kaiming_uniform());
  if (bias) p.out_bias = b.parameter(name + ".out_proj.bias", {features}, constant_init(0));
  return p;
}

Tensor TransformerLayerBase::attended(Context& c, const Projections& p, const Tensor& x,
                                      const Tensor& context, const Tensor& mask, const Tensor& lengths,
                                      bool self_causal) const {
  AttentionForm form = form_;
  form.causal = self_causal;
  Tensor y;
  if (!context.defined()) {
    y = attend_packed(c, form, linear(x, p.in, p.in_bias), mask, lengths);
  } else {
    const int64_t features = x.dim(2);
    const auto part = [&](const Tensor& w, int64_t first, int64_t count) {
      return w.defined() ? narrow(w, 0, first * features, count * features) : w;
    };
    const auto heads_of = [&](const Tensor& t, int64_t count) {
      return reshape(t, {t.dim(0), t.dim(1), count, form.head_dim});
    };
    const Tensor q = heads_of(linear(x, part(p.in, 0, 1), part(p.in_bias, 0, 1)), heads);
    const Tensor kv = heads_of(linear(context, part(p.in, 1, 2), part(p.in_bias, 1, 2)), 2 * heads);
    y = attend(c, form, q, narrow(kv, 2, 0, heads), narrow(kv, 2, heads, heads), mask, lengths);
  }
  return dropped(c, linear(y, p.out, p.out_bias));
}

Tensor TransformerLayerBase::dropped(Context& c, const Tensor& x) const {
  if (!c.training || dropout == 0) return x;
  return dlb::dropout(x, dropout, c.next_key(RngPurpose::kDropout));
}

Tensor TransformerLayerBase::normed(const Tensor& x, size_t norm) const {
  return layer_norm(x, 1, norms_[norm].weight, norms_[norm].bias, eps);
}

Tensor TransformerLayerBase::forward_net(Context& c, const Tensor& x) const {
  const Tensor h = linear(x, w1_, b1_);
  const Tensor a = activation == "relu" ? relu(h) : activation == "gelu" ? gelu(h) : silu(h);
  return dropped(c, linear(dropped(c, a), w2_, b2_));
}

Fields TransformerEncoderLayer::fields() {
  static const std::vector<Field> list = layer_fields();
  return list;
}
std::span<const std::string_view> TransformerEncoderLayer::input_names() const {
  static constexpr std::string_view kNames[] = {"x", "mask", "lengths"};
  return kNames;
}
void TransformerEncoderLayer::build(Build& b) {
  build_base(b, "transformer_encoder_layer", 2);
  expect_masks(b, 1, 2, "transformer_encoder_layer");
}
Outputs TransformerEncoderLayer::run(Context& c, Inputs inputs) {
  const Tensor mask = input_or_none(inputs, 1), lengths = input_or_none(inputs, 2);
  Tensor x = inputs[0];
  if (norm_first) {
    x = add(x, attended(c, self_, normed(x, 0), {}, mask, lengths, causal));
    return one(add(x, forward_net(c, normed(x, 1))));
  }
  x = normed(add(x, attended(c, self_, x, {}, mask, lengths, causal)), 0);
  return one(normed(add(x, forward_net(c, x)), 1));
}

Fields TransformerDecoderLayer::fields() {
  static const std::vector<Field> list = layer_fields();
  return list;
}
std::span<const std::string_view> TransformerDecoderLayer::input_names() const {
  static constexpr std::string_view kNames[] = {"x", "context", "mask", "lengths"};
  return kNames;
}
void TransformerDecoderLayer::build(Build& b) {
  build_base(b, "transformer_decoder_layer", 3);
  const int64_t features = b.input().dim(2);
  const TensorSpec& context = b.input(1);
  expect_input(context.rank() == 3 && context.dim(0) == b.input().dim(0) && context.dim(2) == features, b, 1,
               "transformer_decoder_layer", "context",
               fmt::format("[{}, S, {}]", b.input().dim(0), features));
  expect_masks(b, 2, 3, "transformer_decoder_layer");
  cross_ = projections(b, "multihead_attn", features);
}
Outputs TransformerDecoderLayer::run(Context& c, Inputs inputs) {
  const Tensor& context = inputs[1];
  const Tensor mask = input_or_none(inputs, 2), lengths = input_or_none(inputs, 3);
  Tensor x = inputs[0];
  if (norm_first) {
    x = add(x, attended(c, self_, normed(x, 0), {}, {}, {}, causal));
    x = add(x, attended(c, cross_, normed(x, 1), context, mask, lengths, false));
    return one(add(x, forward_net(c, normed(x, 2))));
  }
  x = normed(add(x, attended(c, self_, x, {}, {}, {}, causal)), 0);
  x = normed(add(x, attended(c, cross_, x, context, mask, lengths, false)), 1);
  return one(normed(add(x, forward_net(c, x)), 2));
}

}  // namespace dlb::nn
