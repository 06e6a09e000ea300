#pragma once
/// \file Elementwise functions of one tensor. Shapes: x [*] -> [*], layout kept. Functions of real analysis
/// give float32 for integers and bool; activations require a floating dtype unless noted. The NaN and
/// infinity behaviour is IEEE 754's, gradients at kinks are PyTorch's.

#include "dlb/ops/op.h"

namespace dlb {

Tensor neg(const Tensor& x);     ///< any numeric dtype
Tensor abs(const Tensor& x);     ///< any numeric dtype; gradient sign(x), 0 at 0
Tensor sign(const Tensor& x);    ///< any dtype; 0 for NaN; gradient 0
Tensor square(const Tensor& x);  ///< any dtype, bool as int64
Tensor exp(const Tensor& x);
Tensor exp2(const Tensor& x);  ///< 2^x
Tensor expm1(const Tensor& x);
Tensor log(const Tensor& x);
Tensor log1p(const Tensor& x);
Tensor log2(const Tensor& x);
Tensor log10(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor rsqrt(const Tensor& x);
Tensor reciprocal(const Tensor& x);
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor tan(const Tensor& x);
Tensor asin(const Tensor& x);
Tensor acos(const Tensor& x);
Tensor atan(const Tensor& x);
Tensor sinh(const Tensor& x);
Tensor cosh(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor asinh(const Tensor& x);
Tensor acosh(const Tensor& x);
Tensor atanh(const Tensor& x);
Tensor erf(const Tensor& x);
Tensor erfc(const Tensor& x);   ///< 1 - erf(x)
Tensor floor(const Tensor& x);  ///< gradient 0, as ceil, round (half to even) and trunc; integers as they are
Tensor ceil(const Tensor& x);
Tensor round(const Tensor& x);
/// To that many decimals, negative: to tens, hundreds, ...; half to even in x * 10^decimals. Floating
/// dtype.
Tensor round(const Tensor& x, int64_t decimals);
Tensor frac(const Tensor& x);  ///< x - trunc(x), gradient 1; floating dtype
Tensor trunc(const Tensor& x);
Tensor isnan(const Tensor& x);  ///< -> bool, any dtype; as the next five
Tensor isinf(const Tensor& x);
Tensor isfinite(const Tensor& x);
Tensor isposinf(const Tensor& x);
Tensor isneginf(const Tensor& x);
Tensor signbit(const Tensor& x);      ///< the sign's bit: true for -0
Tensor logical_not(const Tensor& x);  ///< -> bool, any dtype
Tensor bitwise_not(const Tensor& x);  ///< integers, or bool

Tensor relu(const Tensor& x);   ///< max(x, 0); gradient 0 at 0; any numeric dtype, as relu6 and hardtanh
Tensor relu6(const Tensor& x);  ///< min(max(x, 0), 6)
Tensor leaky_relu(const Tensor& x, double slope = 0.01);  ///< x if x > 0 else slope * x
Tensor elu(const Tensor& x, double alpha = 1.0);          ///< x if x > 0 else alpha * (exp(x) - 1)
Tensor selu(const Tensor& x);
Tensor celu(const Tensor& x, double alpha = 1.0);
Tensor sigmoid(const Tensor& x);
Tensor logsigmoid(const Tensor& x);
Tensor silu(const Tensor& x);                                   ///< x * sigmoid(x)
Tensor mish(const Tensor& x);                                   ///< x * tanh(softplus(x))
Tensor gelu(const Tensor& x, bool tanh_approximation = false);  ///< x * Phi(x)
Tensor softplus(const Tensor& x, double beta = 1.0, double threshold = 20.0);
Tensor softsign(const Tensor& x);  ///< x / (1 + |x|)
Tensor hardtanh(const Tensor& x, double low = -1.0, double high = 1.0);
Tensor hardsigmoid(const Tensor& x);  ///< relu6(x + 3) / 6
Tensor hardswish(const Tensor& x);    ///< x * relu6(x + 3) / 6
Tensor tanhshrink(const Tensor& x);   ///< x - tanh(x)
/// x if x > threshold else value.
Tensor threshold(const Tensor& x, double threshold, double value);
Tensor hardshrink(const Tensor& x, double lambda = 0.5);  ///< 0 if |x| <= lambda else x
Tensor softshrink(const Tensor& x, double lambda = 0.5);  ///< x moved by lambda towards 0, not beyond

/// Limits to [low, high]; gradient 1 where low < x < high. Use +-infinity for one-sided limits. Any dtype.
Tensor clamp(const Tensor& x, double low, double high);
/// x^exponent. Any numeric dtype with a non-negative integral exponent; floating otherwise.
Tensor pow(const Tensor& x, double exponent);
/// a * x + b in one pass; any numeric dtype.
Tensor affine(const Tensor& x, double a, double b);
/// Converts; gradient is converted back. Float to integer truncates, anything to bool is x != 0.
Tensor cast(const Tensor& x, DType dtype);

}  // namespace dlb
