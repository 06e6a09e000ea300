#pragma once
/// \file Elementwise functions of two tensors, with NumPy broadcasting and PyTorch's type promotion.
/// Shapes: a [*], b [*] -> broadcast. Errors: shape when they do not broadcast.

#include "dlb/ops/op.h"

namespace dlb {

Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);  ///< integers are divided as float32
Tensor pow(const Tensor& a, const Tensor& b);
Tensor maximum(const Tensor& a, const Tensor& b);  ///< NaN wins; a tie gives each half of the gradient
Tensor minimum(const Tensor& a, const Tensor& b);
Tensor fmax(const Tensor& a, const Tensor& b);  ///< as maximum, but a NaN loses
Tensor fmin(const Tensor& a, const Tensor& b);
Tensor atan2(const Tensor& a, const Tensor& b);
Tensor hypot(const Tensor& a, const Tensor& b);      ///< sqrt(a^2 + b^2); floating dtypes
Tensor copysign(const Tensor& a, const Tensor& b);   ///< |a| with the sign of b
Tensor nextafter(const Tensor& a, const Tensor& b);  ///< the number next to a towards b; float32, float64
Tensor fmod(const Tensor& a, const Tensor& b);       ///< sign of a
Tensor remainder(const Tensor& a, const Tensor& b);  ///< sign of b
/// Whole quotients, in the operands' dtype; gradient 0. Errors: data for an integer 0 in b, as fmod and
/// remainder.
Tensor trunc_divide(const Tensor& a, const Tensor& b);
Tensor floor_divide(const Tensor& a, const Tensor& b);

Tensor bitwise_and(const Tensor& a, const Tensor& b);  ///< integers or bool, as the next two
Tensor bitwise_or(const Tensor& a, const Tensor& b);
Tensor bitwise_xor(const Tensor& a, const Tensor& b);
/// Integers. A shift below 0 or of the width or more leaves 0, or -1 for a negative number to the right.
Tensor bitwise_left_shift(const Tensor& a, const Tensor& b);
Tensor bitwise_right_shift(const Tensor& a, const Tensor& b);
Tensor gcd(const Tensor& a, const Tensor& b);  ///< integers, as lcm; not negative
Tensor lcm(const Tensor& a, const Tensor& b);

Tensor eq(const Tensor& a, const Tensor& b);  ///< -> bool, as the next five
Tensor ne(const Tensor& a, const Tensor& b);
Tensor lt(const Tensor& a, const Tensor& b);
Tensor le(const Tensor& a, const Tensor& b);
Tensor gt(const Tensor& a, const Tensor& b);
Tensor ge(const Tensor& a, const Tensor& b);
Tensor logical_and(const Tensor& a, const Tensor& b);
Tensor logical_or(const Tensor& a, const Tensor& b);
Tensor logical_xor(const Tensor& a, const Tensor& b);

/// a where condition else b. Shapes broadcast; condition is bool.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);

/// With a number: the tensor's dtype is kept (an integer tensor with a fractional number becomes float32).
Tensor add(const Tensor& a, double b);
Tensor mul(const Tensor& a, double b);
Tensor eq(const Tensor& a, double b);
Tensor ne(const Tensor& a, double b);
Tensor lt(const Tensor& a, double b);
Tensor le(const Tensor& a, double b);
Tensor gt(const Tensor& a, double b);
Tensor ge(const Tensor& a, double b);

inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator+(const Tensor& a, double b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, double b) { return add(a, -b); }
inline Tensor operator*(const Tensor& a, double b) { return mul(a, b); }
inline Tensor operator*(double a, const Tensor& b) { return mul(b, a); }
inline Tensor operator+(double a, const Tensor& b) { return add(b, a); }
Tensor operator/(const Tensor& a, double b);
Tensor operator-(double a, const Tensor& b);
Tensor operator/(double a, const Tensor& b);
Tensor operator-(const Tensor& a);

/// Sums `g` over the dimensions along which `shape` was broadcast: the gradient of broadcasting.
Tensor sum_to(const Tensor& g, const Shape& shape);

}  // namespace dlb
