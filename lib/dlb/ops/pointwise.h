#pragma once
/// \file Elementwise functions composed of others. Operands broadcast and their dtypes promote unless noted.

#include <optional>

#include "dlb/ops/op.h"

namespace dlb {

/// x + value * a * b. Errors: dtype for bool.
Tensor addcmul(const Tensor& x, const Tensor& a, const Tensor& b, double value = 1);
/// x + value * a / b; floating dtypes.
Tensor addcdiv(const Tensor& x, const Tensor& a, const Tensor& b, double value = 1);
/// a + weight * (b - a), exactly b at weight 1. One floating dtype.
Tensor lerp(const Tensor& a, const Tensor& b, double weight);
Tensor lerp(const Tensor& a, const Tensor& b, const Tensor& weight);

/// Limits to [low, high], where undefined is no limit; NaN wherever one is. The gradient goes to the tensor
/// that gives the value; x and a limit that it meets take half each.
Tensor clamp(const Tensor& x, const Tensor& low, const Tensor& high);

/// x with `value` where mask holds, in the dtype of x. Shapes: x and mask broadcast, value is 0-d.
Tensor masked_fill(const Tensor& x, const Tensor& mask, const Tensor& value);
/// Replaces NaN, infinity and -infinity, by default with 0 and the largest and lowest finite numbers.
Tensor nan_to_num(const Tensor& x, std::optional<double> nan = {}, std::optional<double> posinf = {},
                  std::optional<double> neginf = {});

/// Whether |a - b| <= atol + rtol |b|; infinities if equal, two NaN if `equal_nan`. One dtype. -> bool.
Tensor isclose(const Tensor& a, const Tensor& b, double rtol = 1e-5, double atol = 1e-8,
               bool equal_nan = false);
/// Whether all are close.
bool allclose(const Tensor& a, const Tensor& b, double rtol = 1e-5, double atol = 1e-8,
              bool equal_nan = false);

/// 0 below 0, 1 above, at 0 the value. One dtype.
Tensor heaviside(const Tensor& x, const Tensor& values);
/// a * 2^b.
Tensor ldexp(const Tensor& a, const Tensor& b);
/// pow() in float64.
Tensor float_power(const Tensor& a, const Tensor& b);
Tensor deg2rad(const Tensor& x);
Tensor rad2deg(const Tensor& x);

/// x scaled to p-norm 1 along dim: x / max(norm, eps).
Tensor normalize(const Tensor& x, double p = 2, Dims dim = {1}, double eps = 1e-12);
/// Cosine of the angle between a and b along dim: their product over that of their lengths, which count as
/// eps at least. Errors: dtype unless floating.
Tensor cosine_similarity(const Tensor& a, const Tensor& b, int64_t dim = 1, double eps = 1e-8);
/// p-norm of a - b + eps along the last dimension.
Tensor pairwise_distance(const Tensor& a, const Tensor& b, double p = 2, double eps = 1e-6,
                         bool keepdim = false);

}  // namespace dlb
