#include "dlb/functional/define.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/unary.h"

namespace dlb::functional {

std::vector<Function> pointwise_functions() {
  return {
      define("abs", "absolute value; gradient 0 at 0", {"input"}, &abs, {.dtypes = DTypes::kNumeric}),
      define("add", "input + alpha * other", {"input", "other", "alpha = 1"},
             +[](const Tensor& x, const Operand& other, const Scalar& alpha) {
               const Tensor y = other.with(x);
               return add(x,
                          alpha.value == 1 ? y : mul(y, alpha.tensor(alpha.promote(y.dtype()), y.device())));
             },
             {.dtypes = DTypes::kAll}),
  };
}

}  // namespace dlb::functional
