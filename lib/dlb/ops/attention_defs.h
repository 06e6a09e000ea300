#pragma once
/// \file The operators behind attention.h, for backends.

#include <array>

#include "dlb/ops/attention.h"

namespace dlb {

struct AttentionAttrs {
  double scale = 1;
  double dropout = 0;
  bool causal = false;
  RngKey key;
  static Fields fields();
};

/// How heads of queries, keys and values lie side by side.
struct PackedAttentionAttrs {
  AttentionAttrs form;
  int64_t heads = 1;     ///< of queries
  int64_t kv_heads = 1;  ///< of keys, and as many of values
  static Fields fields() { return {}; }
};

namespace op {

/// (q [B, H, L, E], k [B, G, S, E], v [B, G, S, Ev], mask or undefined) -> (y [B, H, L, Ev], log-sum-exp of
/// the scores of each row [B, H, L], in the type that is computed in; -infinity for rows that see nothing). H
/// is a multiple of G: head h reads k and v of head h / (H / G). The mask is [B, H, L, S], boolean or of q's
/// dtype, with any strides. y lies in memory in the order of q's dimensions.
const OpDef& attention();
/// (g, q, k, v, mask, y, log-sum-exp) -> gradients of q, k and v, row-major.
const OpDef& attention_grad();
/// qkv [B, T, heads + 2 kv_heads, E] -> (y [B, T, heads, E], log-sum-exp [B, heads, T]).
const OpDef& packed_attention();
/// (g, qkv, y, log-sum-exp) -> gradient of qkv, row-major.
const OpDef& packed_attention_grad();

}  // namespace op

/// Gradients of attention written with operators, for second derivatives and for that of the mask.
struct AttentionGradients {
  Tensor q, k, v, mask;
};
/// `needs`: which of the four are wanted.
AttentionGradients composed_attention_gradients(const Tensor& g, const Tensor& q, const Tensor& k,
                                                const Tensor& v, const Tensor& mask, const AttentionAttrs& a,
                                                const std::array<bool, 4>& needs);

}  // namespace dlb
