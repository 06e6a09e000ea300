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

/// Dropout of whole channels over D spatial dimensions; without a batch dimension it is one sample.
template <int D>
Tensor channel_dropout(const Tensor& x, double p, bool training, const RngKey& key) {
  if (x.rank() < D + 1 || x.rank() > D + 2) {
    fail(ErrorKind::kShape, "dropout{}d expects input of rank {} or {}, got {}", D, D + 1, D + 2,
         shape_text(x.shape()));
  }
  if (!training) return x;
  return x.rank() == D + 1 ? squeeze(feature_dropout(unsqueeze(x, 0), p, key), 0)
                           : feature_dropout(x, p, key);
}

template <Tensor (*kDrop)(const Tensor&, double, const RngKey&)>
Tensor while_training(const Tensor& x, double p, bool training, const RngKey& key) {
  return training ? kDrop(x, p, key) : x;
}

}  // namespace

std::vector<Function> layer_functions() {
  return {
      define("linear", "x W^T + b", {"input", "weight", "bias = none"}, &linear_any, {.onnx = {"Gemm", 13}}),
      define("bilinear", "sum of input1_i W_oij input2_j, plus b",
             {"input1", "input2", "weight", "bias = none"}, &bilinear),
      define("dropout", "elements set to 0 with probability p, the others scaled up",
             {"input", "p = 0.5", "training = true", "seed = 0"}, &while_training<&dropout>,
             {.onnx = {"Dropout", 13}}),
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
