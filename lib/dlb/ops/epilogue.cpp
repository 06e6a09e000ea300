#include "dlb/ops/epilogue.h"

#include "dlb/ops/binary.h"
#include "dlb/ops/unary.h"

namespace dlb {

namespace {

constexpr std::string_view kNames[] = {"none", "relu", "leaky_relu", "clip", "sigmoid",
                                       "tanh", "silu", "hardswish",  "gelu", "gelu_tanh"};

Tensor activate(const Tensor& x, const Epilogue& e) {
  switch (e.activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return relu(x);
    case Activation::kLeakyRelu:
      return leaky_relu(x, e.low);
    case Activation::kClip:
      return clamp(x, e.low, e.high);
    case Activation::kSigmoid:
      return sigmoid(x);
    case Activation::kTanh:
      return tanh(x);
    case Activation::kSilu:
      return silu(x);
    case Activation::kHardswish:
      return hardswish(x);
    case Activation::kGelu:
      return gelu(x);
    case Activation::kGeluTanh:
      return gelu(x, true);
  }
  fail(ErrorKind::kInternal, "activation {}", static_cast<int>(e.activation));
}

}  // namespace

std::string_view activation_name(Activation a) { return kNames[static_cast<size_t>(a)]; }

std::optional<Activation> find_activation(std::string_view name) {
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i] == name) return static_cast<Activation>(i);
  }
  return {};
}

Tensor apply_epilogue(Tensor y, const Tensor& residual, const Epilogue& e) {
  if (residual.defined()) y = add(y, residual);
  return activate(y, e);
}

void check_residual(Infer& c) {
  if (!c.has(3)) return;
  c.same_dtype(0, 3);
  const Shape& y = c.outputs()[0].spec.shape;
  if (!(c.input(3).shape == y))
    c.fail_shape("expects a residual {}, got {}", shape_text(y), shape_text(c.input(3).shape));
}

}  // namespace dlb
