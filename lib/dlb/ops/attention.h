#pragma once
/// \file Scaled dot-product attention.

#include <optional>

#include "dlb/ops/op.h"
#include "dlb/tensor/random.h"

namespace dlb {

struct AttentionOptions {
  /// Boolean (true takes part) or added to the scores; broadcasts to [*, L, S]. Undefined for none.
  Tensor mask = {};
  double dropout = 0;   ///< probability with which a weight is dropped
  RngKey key = {};      ///< of the dropout: weight number ((b H + h) L + i) S + j has the word of that number
  bool causal = false;  ///< position i sees positions up to i; excludes a mask
  std::optional<double> scale = {};  ///< 1 / sqrt(E) unless given
  bool enable_gqa = false;           ///< fewer heads (dimension -3) of key and value, each repeated
};

/// softmax(scale q k^T + mask) v, in memory linear in L and S. Rows that see nothing give zeros.
/// Shapes: q [*, H, L, E], k [*, H, S, E], v [*, H, S, Ev] -> [*, H, L, Ev]; leading dimensions broadcast.
/// Errors: shape, dtype; config for a mask together with `causal` or a probability outside 0 to 1.
Tensor scaled_dot_product_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                                    const AttentionOptions& options = {});

/// The same of heads side by side: those of the queries, then those of the keys, then those of the values,
/// without copies of any of them. Shapes: qkv [B, T, heads + 2 kv_heads, E] -> [B, T, heads, E]. Errors:
/// shape; config for a mask.
Tensor packed_attention(const Tensor& qkv, int64_t heads, int64_t kv_heads,
                        const AttentionOptions& options = {});

}  // namespace dlb
