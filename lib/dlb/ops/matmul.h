#pragma once
/// \file Matrix products. The same bits each time with the same number of threads; long sums in float32 may
/// differ in the last bits between numbers of threads. 16-bit types are summed in float32.

#include "dlb/ops/epilogue.h"
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

/// f(linear(x, weight, bias) + residual) at once, for inference: it has no gradient. The residual is
/// undefined or of y's shape and dtype. Errors: as linear; shape when the residual does not fit.
Tensor fused_linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
                    const Epilogue& epilogue);

}  // namespace dlb
