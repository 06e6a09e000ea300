#pragma once
/// \file Multi-head attention and the layers of Transformers.

#include "dlb/nn/layer.h"

namespace dlb::nn {

/// What attention over heads needs beside its inputs.
struct AttentionForm {
  int64_t heads = 1;
  int64_t kv_heads = 1;  ///< divides heads; each is shared by heads / kv_heads of them
  int64_t head_dim = 0;
  bool causal = false;
  double dropout = 0;
};

/// Joins masks as scaled_dot_product_attention takes them: true or not 0 takes part, real numbers are added.
/// Shapes: mask [N, S], [N, T, S] or [N, heads, T, S], lengths [N], each may be undefined. Undefined where
/// there is nothing to hide but what `causal` does, which is set to false when the mask contains it.
Tensor attention_mask(const Tensor& mask, const Tensor& lengths, int64_t queries, int64_t keys, DType dtype,
                      bool& causal);
/// Checks of the inputs `mask` and `lengths` when the step gives them.
void expect_masks(const Build& b, size_t mask, size_t lengths, std::string_view layer);

/// Attention of projected heads. Shapes: q [N, T, heads, E], k and v [N, S, kv_heads, E] -> [N, T, heads E].
Tensor attend(Context& c, const AttentionForm& form, const Tensor& q, const Tensor& k, const Tensor& v,
              const Tensor& mask, const Tensor& lengths);
/// The same of projections side by side. Shapes: qkv [N, T, (heads + 2 kv_heads) E].
Tensor attend_packed(Context& c, const AttentionForm& form, const Tensor& qkv, const Tensor& mask,
                     const Tensor& lengths);

/// Multi-head attention with its projections: softmax(q k^T / sqrt(E)) v for each head.
///
/// Of x alone, or of x (queries) to `context` (keys and values). Shapes: x [N, T, D], context [N, S, C] ->
/// [N, T, out]; weights qkv [(heads + 2 kv_heads) E, D], or q [heads E, D] and kv [2 kv_heads E, C]; proj
/// [out, heads E].
/// **Source**: Vaswani et al., "Attention is all you need", 2017; rotary positions: Su et al., "RoFormer",
/// 2021; fewer key heads: Ainslie et al., "GQA", 2023.
struct Attention : Layer {
  int64_t heads = 1;
  bool causal = false;
  double dropout = 0;
  bool bias = true;
  std::optional<int64_t> kv_heads;
  std::optional<int64_t> head_dim;
  std::optional<int64_t> out;
  bool rotary = false;
  double rotary_base = 10000;
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {1, 4}; }
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;

 private:
  Tensor rotated(const Tensor& x);
  AttentionForm form_;
  Tensor qkv_, qkv_bias_;             // of x alone
  Tensor q_, q_bias_, kv_, kv_bias_;  // with a context
  Tensor proj_, proj_bias_;
  Tensor cos_, sin_;  // [T, 1, E / 2] of the last length seen
};

/// What PyTorch's Transformer layers share.
struct TransformerLayerBase : Layer {
  int64_t heads = 1;
  int64_t hidden = 2048;
  double dropout = 0.1;
  std::string activation = "relu";
  bool norm_first = false;
  bool causal = false;
  double eps = 1e-5;
  bool bias = true;

 protected:
  struct Projections {
    Tensor in, in_bias, out, out_bias;
  };
  struct Norm {
    Tensor weight, bias;
  };
  void build_base(Build& b, std::string_view layer, size_t norms);
  Projections projections(Build& b, const std::string& name, int64_t context) const;
  Tensor attended(Context& c, const Projections& p, const Tensor& x, const Tensor& context,
                  const Tensor& mask, const Tensor& lengths, bool self_causal) const;
  Tensor forward_net(Context& c, const Tensor& x) const;
  Tensor normed(const Tensor& x, size_t norm) const;
  Tensor dropped(Context& c, const Tensor& x) const;

  AttentionForm form_;
  Projections self_;

 private:
  Tensor w1_, b1_, w2_, b2_;
  std::vector<Norm> norms_;
};

/// Self-attention and a net of two linear layers, each with dropout, residual and layer_norm: PyTorch's
/// TransformerEncoderLayer with batch_first. Shapes: x [N, T, D] -> the same.
struct TransformerEncoderLayer : TransformerLayerBase {
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {1, 3}; }
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;
};

/// Self-attention, attention to a context and a net: PyTorch's TransformerDecoderLayer with batch_first.
/// Shapes: x [N, T, D], context [N, S, D] -> [N, T, D]; mask and lengths are the context's.
struct TransformerDecoderLayer : TransformerLayerBase {
  TransformerDecoderLayer() { causal = true; }
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {2, 4}; }
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;

 private:
  Projections cross_;
};

}  // namespace dlb::nn
