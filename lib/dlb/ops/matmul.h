#pragma once
/// \file Matrix products. The same bits each time with the same number of threads; long sums in float32 may
/// differ in the last bits between numbers of threads. 16-bit types are summed in float32.

#include "dlb/ops/op.h"

namespace dlb {

/// PyTorch's matmul: vectors are promoted, batch dimensions broadcast. Shapes: [*, n, k] x [*, k, m] -> [*,
/// n, m]. Integers wrap around and have no gradient. Errors: shape (inner sizes differ), dtype (bool, or
/// different).
Tensor matmul(const Tensor& a, const Tensor& b);

/// y = x W^T + b. Shapes: x [*, in], weight [out, in], bias [out] or undefined -> [*, out].
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});
/// linear(gelu(x), weight, bias), whose backward pass computes gelu(x) again instead of keeping it: it takes
/// as much memory as x.
Tensor gelu_linear(const Tensor& x, const Tensor& weight, const Tensor& bias = {});

}  // namespace dlb
