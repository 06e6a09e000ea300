// Activations that are a few operators: compose first, a primitive when a benchmark asks for it.
#include "dlb/ops/binary.h"
#include "dlb/ops/unary.h"

namespace dlb {

Tensor relu6(const Tensor& x) { return clamp(x, 0, 6); }
Tensor hardtanh(const Tensor& x, double low, double high) { return clamp(x, low, high); }

Tensor selu(const Tensor& x) {
  // Klambauer et al., "Self-normalizing neural networks", 2017: the fixed point is mean 0, variance 1.
  constexpr double kAlpha = 1.6732632423543772848170429916717;
  constexpr double kScale = 1.0507009873554804934193349852946;
  return elu(x, kAlpha) * kScale;
}

Tensor celu(const Tensor& x, double alpha) {
  if (!(alpha > 0)) fail(ErrorKind::kUnsupported, "celu expects alpha > 0, got {}", alpha);
  return elu(x * (1 / alpha), 1) * alpha;
}

Tensor logsigmoid(const Tensor& x) { return neg(softplus(neg(x))); }
Tensor mish(const Tensor& x) { return x * tanh(softplus(x)); }
Tensor softsign(const Tensor& x) { return x / (abs(x) + 1.0); }
Tensor hardsigmoid(const Tensor& x) { return clamp(x + 3.0, 0, 6) * (1.0 / 6); }
Tensor hardswish(const Tensor& x) { return x * hardsigmoid(x); }
Tensor tanhshrink(const Tensor& x) { return x - tanh(x); }

}  // namespace dlb
