#include "dlb/functional/define.h"
#include "dlb/ops/bilinear.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/dropout.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/softmax.h"

namespace dlb::functional {

namespace {

/// A weight without a dimension for the outputs gives one output, without a dimension for it.
Tensor linear_any(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (weight.rank() != 1) return linear(x, weight, bias);
  const Tensor y = matmul(x, weight);
  return bias.defined() ? add(y, bias) : y;
}

/// The probability that applies. One out of range is refused also when not training.
double rate(double p, bool training) {
  if (!(p >= 0 && p <= 1)) fail(ErrorKind::kConfig, "dropout expects a probability from 0 to 1, got {}", p);
  return training ? p : 0;
}

/// Dropout of whole channels over D spatial dimensions. Without a batch dimension it is one sample, except
/// that dropout2d takes three dimensions as [N, C, L], as PyTorch does.
template <int D>
Tensor channel_dropout(const Tensor& x, double p, bool training, const RngKey& key) {
  if (x.rank() < D + 1 || x.rank() > D + 2) {
    fail(ErrorKind::kShape, "dropout{}d expects input of rank {} or {}, got {}", D, D + 1, D + 2,
         shape_text(x.shape()));
  }
  const bool single = D != 2 && x.rank() == D + 1;
  const Tensor batch = single ? unsqueeze(x, 0) : x;
  const Tensor y = feature_dropout(batch, rate(p, training), key);
  return single ? squeeze(y, 0) : y;
}

template <Tensor (*kDrop)(const Tensor&, double, const RngKey&)>
Tensor while_training(const Tensor& x, double p, bool training, const RngKey& key) {
  return kDrop(x, rate(p, training), key);
}

}  // namespace

std::vector<Function> layer_functions() {
  return {
      define("linear", "x W^T + b", {"input", "weight", "bias = none"}, &linear_any),
      define("bilinear", "sum of input1_i W_oij input2_j, plus b",
             {"input1", "input2", "weight", "bias = none"}, &bilinear, {.dtypes = DTypes::kNumeric}),
      define("dropout", "elements set to 0 with probability p, the others scaled up",
             {"input", "p = 0.5", "training = true", "seed = 0"}, &while_training<&dropout>),
      define("dropout1d", "channels set to 0 with probability p",
             {"input", "p = 0.5", "training = true", "seed = 0"}, &channel_dropout<1>),
      define("dropout2d", "channels set to 0 with probability p",
             {"input", "p = 0.5", "training = true", "seed = 0"}, &channel_dropout<2>),
      define("dropout3d", "channels set to 0 with probability p",
             {"input", "p = 0.5", "training = true", "seed = 0"}, &channel_dropout<3>),
      define("alpha_dropout", "dropout that keeps mean and variance behind selu",
             {"input", "p = 0.5", "training = false", "seed = 0"}, &while_training<&alpha_dropout>),
      define("feature_alpha_dropout", "alpha dropout of whole channels",
             {"input", "p = 0.5", "training = false", "seed = 0"}, &while_training<&feature_alpha_dropout>),
  };
}

}  // namespace dlb::functional
