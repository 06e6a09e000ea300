#pragma once
/// \file Multi-head attention with its projections, as in PyTorch's function of the same name.

#include "dlb/ops/op.h"
#include "dlb/tensor/random.h"

namespace dlb {

/// Weights of the projections. Shapes: in_weight [3 E, E] for query, key and value one after the other, or
/// the three q_weight [E, E], k_weight [E, Ek], v_weight [E, Ev]; in_bias [3 E]; bias_k, bias_v [1, 1, E],
/// appended as a position of their own; out_weight [E, E], out_bias [E]. All but the projections may be
/// undefined.
struct MultiHeadWeights {
  Tensor in_weight = {};
  Tensor q_weight = {}, k_weight = {}, v_weight = {};
  Tensor in_bias = {};
  Tensor bias_k = {}, bias_v = {};
  Tensor out_weight, out_bias = {};
};

struct MultiHeadOptions {
  int64_t heads = 1;
  bool add_zero_attn = false;  ///< appends a position of zeros
  double dropout = 0;
  RngKey key = {};
  Tensor key_padding_mask = {};  ///< [N, S]: true, or added: positions that nobody sees
  Tensor mask = {};              ///< [L, S] or [N heads, L, S]: true: hidden; or added
  bool causal = false;           ///< says that `mask` is causal; used where no weights are wanted
  bool need_weights = true;
  bool average_weights = true;
  Tensor static_k = {}, static_v = {};  ///< [N heads, S, E / heads] in place of the projected key and value
};

struct MultiHeadResult {
  Tensor output;   ///< as query
  Tensor weights;  ///< [N, L, S], or [N, heads, L, S] when not averaged; undefined unless wanted
};

/// softmax(q k^T / sqrt(E / heads) + masks) v for each head, between projections.
/// Shapes: query [L, N, E], key [S, N, Ek], value [S, N, Ev]; all without N for a single sequence. Errors:
/// shape, dtype.
MultiHeadResult multi_head_attention(const Tensor& query, const Tensor& key, const Tensor& value,
                                     const MultiHeadWeights& weights, const MultiHeadOptions& options);

}  // namespace dlb
