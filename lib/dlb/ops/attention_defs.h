#pragma once
/// \file The operators behind attention.h, for backends.

#include "dlb/ops/attention.h"

namespace dlb {

struct AttentionAttrs {
  double scale = 1;
  double dropout = 0;
  bool causal = false;
  RngKey key;
  static Fields fields();
};

namespace op {

/// (q [B, H, L, E], k [B, G, S, E], v [B, G, S, Ev], mask or undefined) -> (y [B, H, L, Ev], log-sum-exp of
/// the scores of each row [B, H, L], in the type that is computed in; -infinity for rows that see nothing). H
/// is a multiple of G: head h reads k and v of head h / (H / G). The mask is [B, H, L, S], boolean or of q's
/// dtype, with any strides. y lies in memory in the order of q's dimensions.
const OpDef& attention();
/// (g, q, k, v, mask, y, log-sum-exp) -> gradients of q, k and v, row-major.
const OpDef& attention_grad();

}  // namespace op
}  // namespace dlb
