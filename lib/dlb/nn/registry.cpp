#include <vector>

#include "dlb/nn/activation.h"
#include "dlb/nn/conv.h"
#include "dlb/nn/dropout.h"
#include "dlb/nn/linear.h"
#include "dlb/nn/merge.h"
#include "dlb/nn/norm.h"
#include "dlb/nn/parameter.h"
#include "dlb/nn/pool.h"
#include "dlb/nn/shape.h"
#include "dlb/ops/unary.h"

namespace dlb::nn {

namespace {

template <class T>
LayerType layer(const char* name, const char* doc) {
  return type_info<Layer, T>(name, doc);
}

std::vector<LayerType> make_layer_types() {
  return {
      layer<Linear>("linear", "fully connected, y = x W^T + b: [..., in] -> [..., out]"),
      layer<Conv1d>("conv1d", "convolution: [N, C, L] -> [N, out, L']"),
      layer<Conv2d>("conv2d", "convolution: [N, C, H, W] -> [N, out, H', W']"),

      layer<MaxPool1d>("max_pool1d", "largest value in each window: [N, C, L] -> [N, C, L']"),
      layer<MaxPool2d>("max_pool2d", "largest value in each window: [N, C, H, W] -> [N, C, H', W']"),
      layer<AvgPool1d>("avg_pool1d", "mean of each window: [N, C, L] -> [N, C, L']"),
      layer<AvgPool2d>("avg_pool2d", "mean of each window: [N, C, H, W] -> [N, C, H', W']"),
      layer<AdaptiveAvgPool1d>("adaptive_avg_pool1d", "mean of windows chosen to give the output size"),
      layer<AdaptiveAvgPool2d>("adaptive_avg_pool2d", "mean of windows chosen to give the output size"),
      layer<AdaptiveMaxPool1d>("adaptive_max_pool1d",
                               "largest value of windows chosen to give the output size"),
      layer<AdaptiveMaxPool2d>("adaptive_max_pool2d",
                               "largest value of windows chosen to give the output size"),
      layer<GlobalAvgPool>("global_avg_pool", "mean over space: [N, C, spatial...] -> [N, C]"),

      layer<BatchNorm>("batch_norm",
                       "per channel over the batch and space, running statistics outside training"),
      layer<LayerNorm>("layer_norm", "over the last dimensions of each sample"),
      layer<GroupNorm>("group_norm", "over groups of channels and space of each sample"),

      layer<Dropout>("dropout", "zeroes elements at random while training"),

      layer<Relu>("relu", "max(x, 0)"),
      layer<Activation<&relu6>>("relu6", "min(max(x, 0), 6)"),
      layer<LeakyRelu>("leaky_relu", "x if x > 0 else slope x"),
      layer<Elu>("elu", "x if x > 0 else alpha (exp(x) - 1)"),
      layer<Activation<&selu>>("selu", "scaled elu that keeps mean 0 and variance 1"),
      layer<Celu>("celu", "max(x, 0) + min(0, alpha (exp(x / alpha) - 1))"),
      layer<Gelu>("gelu", "x Phi(x), Phi the normal distribution function"),
      layer<Activation<&silu>>("silu", "x sigmoid(x), also called swish"),
      layer<Activation<&mish>>("mish", "x tanh(softplus(x))"),
      layer<Activation<&tanh>>("tanh", "hyperbolic tangent"),
      layer<Activation<&sigmoid>>("sigmoid", "1 / (1 + exp(-x))"),
      layer<Activation<&logsigmoid>>("logsigmoid", "log(sigmoid(x))"),
      layer<Softplus>("softplus", "log(1 + exp(beta x)) / beta"),
      layer<Activation<&softsign>>("softsign", "x / (1 + |x|)"),
      layer<Hardtanh>("hardtanh", "x limited to [min, max]"),
      layer<Activation<&hardswish>>("hardswish", "x relu6(x + 3) / 6"),
      layer<Activation<&hardsigmoid>>("hardsigmoid", "relu6(x + 3) / 6"),
      layer<Softmax>("softmax", "exp(x) / sum exp(x) along a dimension"),
      layer<LogSoftmax>("log_softmax", "log of softmax, without overflow"),

      layer<Identity>("identity", "the input itself"),
      layer<Flatten>("flatten", "joins dimensions: [N, A, B, ...] -> [N, A B ...]"),
      layer<Reshape>("reshape", "gives each sample another shape: [N, ...] -> [N, shape...]"),
      layer<Permute>("permute", "reorders the dimensions"),
      layer<Squeeze>("squeeze", "removes a dimension of size 1"),
      layer<Unsqueeze>("unsqueeze", "inserts a dimension of size 1"),

      layer<Parameter>("parameter", "a learned tensor as a value, without input"),

      layer<Add>("add", "sum of several inputs"),
      layer<Mul>("mul", "product of several inputs"),
      layer<Concat>("concat", "several inputs joined along a dimension"),
  };
}

}  // namespace

std::span<const LayerType> layer_types() {
  static const std::vector<LayerType> types = make_layer_types();
  return types;
}

}  // namespace dlb::nn
