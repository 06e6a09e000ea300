#pragma once
/// \file Attention on tensors in any order of memory, as several operators share it.

#include "dlb/ops/attention_defs.h"

namespace dlb::backend::cpu {

/// Shapes as those of op::attention(); y and log_sum are written. y is of the inputs' dtype, in any order of
/// memory with dense rows.
void attention_forward(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask, const Tensor& y,
                       const Tensor& log_sum, const AttentionAttrs& a);
/// Writes dq, dk and dv, in any order of memory with dense rows.
void attention_backward(const Tensor& g, const Tensor& q, const Tensor& k, const Tensor& v,
                        const Tensor& mask, const Tensor& y, const Tensor& log_sum, const Tensor& dq,
                        const Tensor& dk, const Tensor& dv, const AttentionAttrs& a);

/// [B, H, L, E] whose rows are dense, in any order of the other dimensions: `t`, or a copy.
Tensor attention_rows(const Tensor& t);

}  // namespace dlb::backend::cpu
