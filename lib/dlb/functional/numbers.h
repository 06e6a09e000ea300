#pragma once
/// \file Operands of functions that take a number where a tensor may stand.

#include "dlb/functional/value.h"

namespace dlb::functional {

/// Two operands as tensors; one may be a number, which promotes as such. Errors: config for two numbers.
struct Pair {
  Tensor a, b;
  Pair(const Operand& x, const Operand& y);
};

/// x * factor in the dtype of x. Errors: dtype for a fraction beside integers or a bool beside numbers.
Tensor times(const Tensor& x, const Scalar& factor, DType result);

/// x in the dtype that it gets beside this number.
Tensor promoted(const Tensor& x, const Scalar& number);

}  // namespace dlb::functional
