#pragma once
/// \file Matrix products.

#include "dlb/ops/op.h"

namespace dlb {

/// PyTorch's matmul: vectors are promoted, batch dimensions broadcast. Shapes: [*, n, k] x [*, k, m] -> [*, n, m].
/// Errors: shape (inner sizes differ), dtype (not floating or different).
Tensor matmul(const Tensor& a, const Tensor& b);

/// y = x W^T + b. Shapes: x [*, in], weight [out, in], bias [out] or undefined -> [*, out].
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

}  // namespace dlb
