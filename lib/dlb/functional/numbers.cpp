#include "dlb/functional/numbers.h"

#include "dlb/ops/binary.h"
#include "dlb/ops/unary.h"

namespace dlb::functional {

Pair::Pair(const Operand& x, const Operand& y) {
  if (x.is_scalar() && y.is_scalar()) fail(ErrorKind::kConfig, "expects a tensor, got two numbers");
  a = x.is_scalar() ? x.with(y.tensor) : x.tensor;
  b = y.is_scalar() ? y.with(a) : y.tensor;
}

Tensor times(const Tensor& x, const Scalar& factor, DType result) {
  if (factor.kind == Scalar::Kind::kFloat && !is_floating(result)) {
    fail(ErrorKind::kDtype, "a factor of {} needs a floating dtype, got {}", factor.value,
         dtype_name(result));
  }
  if (factor.kind == Scalar::Kind::kBool && result != DType::kBool) {
    fail(ErrorKind::kDtype, "a bool factor needs dtype bool, got {}", dtype_name(result));
  }
  if (factor.kind != Scalar::Kind::kFloat && factor.integer == 1) return x;
  return mul(x,
             factor.tensor(x.dtype() == DType::kBool ? DType::kBool : factor.promote(x.dtype()), x.device()));
}

Tensor promoted(const Tensor& x, const Scalar& number) { return cast(x, number.promote(x.dtype())); }

}  // namespace dlb::functional
