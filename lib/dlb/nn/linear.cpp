#include "dlb/nn/linear.h"

#include "dlb/nn/init.h"
#include "dlb/ops/matmul.h"

namespace dlb::nn {

Fields Linear::fields() {
  static const Field list[] = {
      required<&Linear::out>("out", "output features", positive()),
      field<&Linear::bias>("bias", "add a bias"),
      field<&Linear::init>("init", "initial weight", init_choices()),
      field<&Linear::init_std>("init_std", "standard deviation of `init: normal`", non_negative()),
      field<&Linear::bias_init>("bias_init", "initial bias", one_of({"default", "zeros"})),
      field<&Linear::parametrization>("parametrization", "how the weight is made of its parameters",
                                      Weight::choices()),
  };
  return list;
}

void Linear::build(Build& b) {
  b.expect(b.input().rank() >= 1 && b.input().dim(-1) > 0, "linear", "[..., features]");
  const int64_t in = b.input().dim(-1);
  weight_.declare(b, parametrization, {out, in}, named_init(init, init_std));
  if (bias) bias_ = b.parameter("bias", {out}, named_bias_init(bias_init, in));
}

Tensor Linear::forward(Context& c, const Tensor& x) { return linear(x, weight_.value(c), bias_); }

}  // namespace dlb::nn
