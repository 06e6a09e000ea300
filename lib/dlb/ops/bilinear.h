#pragma once
/// \file A layer of two inputs.

#include "dlb/ops/op.h"

namespace dlb {

/// y_o = sum_ij a_i W_oij b_j + bias_o. Shapes: a [*, I], b [*, J], weight [O, I, J], bias [O] or undefined
/// ->
/// [*, O]. Errors: shape, dtype.
Tensor bilinear(const Tensor& a, const Tensor& b, const Tensor& weight, const Tensor& bias = {});

}  // namespace dlb
