#pragma once
/// \file The operators behind matmul.h, for backends.

#include "dlb/ops/epilogue.h"
#include "dlb/ops/op.h"

namespace dlb::op {

/// (a, b) -> y. Shapes: [*, n, k] x [*, k, m] -> [*, n, m], batch dimensions broadcast, rank at least 2.
const OpDef& matmul();
/// (x, weight, bias or undefined) -> y. Shapes: [*, in], [out, in], [out] -> [*, out]; x is row-major.
const OpDef& linear();
/// As linear(), of gelu(x).
const OpDef& gelu_linear();
/// (x, weight, bias or undefined, residual or undefined) -> f(linear + residual).
const OpDef& fused_linear();

}  // namespace dlb::op
