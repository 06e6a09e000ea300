#include "dlb/ops/activation.h"

#include "dlb/functional/define.h"
#include "dlb/ops/pointwise.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"

namespace dlb::functional {

namespace {

constexpr Traits kNumeric{.dtypes = DTypes::kNumeric};
constexpr Traits kAny{.dtypes = DTypes::kAll};

using AlongDim = Tensor (*)(const Tensor&, int64_t);

/// A function along a dimension, by itself and with a dtype to convert to first.
template <AlongDim kFn>
void add_softmax(std::vector<Function>& list, std::string_view name, std::string_view doc) {
  list.push_back(define(name, doc, {"input", "dim"}, kFn));
  list.push_back(define(
      name, "the same, of input in another dtype", {"input", "dim", "dtype"},
      +[](const Tensor& x, int64_t dim, DType dtype) { return kFn(cast(x, dtype), dim); }, kAny));
}

Tensor gelu_by_name(const Tensor& x, const std::string& approximate) {
  if (approximate != "none" && approximate != "tanh") {
    fail(ErrorKind::kUnsupported, "gelu expects approximate none or tanh, got '{}'", approximate);
  }
  return gelu(x, approximate == "tanh");
}

}  // namespace

std::vector<Function> activation_functions() {
  std::vector<Function> list = {
      define("relu", "max(input, 0)", {"input"}, &relu, kNumeric),
      define("relu6", "min(max(input, 0), 6)", {"input"}, &relu6, kNumeric),
      define("hardtanh", "input limited to [min_val, max_val]", {"input", "min_val = -1.0", "max_val = 1.0"},
             &hardtanh, kNumeric),
      define("threshold", "input if above threshold, else value", {"input", "threshold", "value"}, &threshold,
             kNumeric),
      define("leaky_relu", "input if above 0, else negative_slope * input",
             {"input", "negative_slope = 0.01"}, &leaky_relu),
      define("rrelu", "leaky_relu with a random slope in training, else the mean of its limits",
             {"input", "lower = 0.125", "upper = 0.3333333333333333", "training = false", "seed = 0"},
             &rrelu),
      define("prelu", "input if above 0, else weight * input", {"input", "weight"}, &prelu),
      define("elu", "input if above 0, else alpha * (e^input - 1)", {"input", "alpha = 1.0"}, &elu),
      define("celu", "input if above 0, else alpha * (e^(input / alpha) - 1)", {"input", "alpha = 1.0"},
             &celu),
      define("selu", "elu scaled so that mean 0, variance 1 is a fixed point", {"input"}, &selu),
      define("gelu", "input * Phi(input), the Gaussian error linear unit", {"input", "approximate = 'none'"},
             &gelu_by_name),
      define("silu", "input * sigmoid(input)", {"input"}, &silu),
      define("mish", "input * tanh(softplus(input))", {"input"}, &mish),
      define("softplus", "ln(1 + e^(beta input)) / beta, input above the threshold",
             {"input", "beta = 1.0", "threshold = 20.0"}, &softplus),
      define("logsigmoid", "ln(sigmoid(input))", {"input"}, &logsigmoid),
      define("hardsigmoid", "relu6(input + 3) / 6", {"input"}, &hardsigmoid),
      define("hardswish", "input * relu6(input + 3) / 6", {"input"}, &hardswish),
      define("softsign", "input / (1 + |input|)", {"input"}, &softsign, kNumeric),
      define("tanhshrink", "input - tanh(input)", {"input"}, &tanhshrink, kNumeric),
      define("softshrink", "input moved by lambd towards 0, not beyond", {"input", "lambd = 0.5"},
             &softshrink),
      define("hardshrink", "0 if |input| <= lambd, else input", {"input", "lambd = 0.5"}, &hardshrink),
      define("glu", "first half * sigmoid(second half) along dim", {"input", "dim = -1"}, &glu),
      define(
          "gumbel_softmax", "softmax of logits with Gumbel noise; hard: its one-hot vector",
          {"logits", "tau = 1.0", "hard = false", "dim = -1", "seed = 0"},
          +[](const Tensor& x, double tau, bool hard, int64_t dim, const RngKey& key) {
            return gumbel_softmax(x, tau, hard, dim, key);
          }),
      define("normalize", "input / max(p-norm along dim, eps)",
             {"input", "p = 2.0", "dim = 1", "eps = 1e-12"}, &normalize),
      define("cosine_similarity", "cosine of the angle between x1 and x2 along dim",
             {"x1", "x2", "dim = 1", "eps = 1e-8"}, &cosine_similarity),
      define("pairwise_distance", "p-norm of x1 - x2 + eps along the last dim",
             {"x1", "x2", "p = 2.0", "eps = 1e-6", "keepdim = false"}, &pairwise_distance, kNumeric),
  };
  add_softmax<softmax>(list, "softmax", "exp(input) normalised to sum 1 along dim");
  add_softmax<log_softmax>(list, "log_softmax", "ln(softmax(input))");
  add_softmax<softmin>(list, "softmin", "softmax(-input)");
  return list;
}

}  // namespace dlb::functional
