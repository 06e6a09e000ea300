#include <vector>

#include "dlb/nn/activation.h"
#include "dlb/nn/attention.h"
#include "dlb/nn/conv.h"
#include "dlb/nn/dropout.h"
#include "dlb/nn/embedding.h"
#include "dlb/nn/graph.h"
#include "dlb/nn/interaction.h"
#include "dlb/nn/linear.h"
#include "dlb/nn/merge.h"
#include "dlb/nn/mixture.h"
#include "dlb/nn/norm.h"
#include "dlb/nn/parameter.h"
#include "dlb/nn/pool.h"
#include "dlb/nn/recurrent.h"
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

      layer<Embedding>("embedding", "rows of a table by number: [*] -> [*, dim]"),
      layer<EmbeddingBag>("embedding_bag", "rows of a table joined for each bag: [N, L] -> [N, dim]"),
      layer<EmbeddingTables>("embedding_tables",
                             "a table for each column of numbers: [N, tables] -> [N, tables, dim]"),
      layer<PositionEmbedding>("position_embedding",
                               "a learned vector for each position: [N, T, *] -> [T, dim]"),
      layer<SinusoidalPositions>("sinusoidal_positions",
                                 "sines and cosines of the position: [N, T, *] -> [T, dim]"),
      layer<Attention>("attention",
                       "multi-head attention of x, or of x to a context: [N, T, D] -> [N, T, out]"),
      layer<TransformerEncoderLayer>("transformer_encoder_layer",
                                     "self-attention and a net, with residuals: [N, T, D] -> the same"),
      layer<TransformerDecoderLayer>(
          "transformer_decoder_layer",
          "self-attention, attention to a context and a net: [N, T, D] -> the same"),
      layer<MixtureOfExperts>("mixture_of_experts",
                              "nets of which a router chooses: [*, D] -> [*, out] and the balance loss"),

      layer<Rnn>("rnn", "recurrent layers: [N, T, F] -> [N, T, size] and the final state"),
      layer<Lstm>("lstm", "long short-term memory: [N, T, F] -> [N, T, size], final state and cells"),
      layer<Gru>("gru", "gated recurrent units: [N, T, F] -> [N, T, size] and the final state"),
      layer<RnnCell>("rnn_cell", "one step of rnn: [N, F] and [N, size] -> [N, size]"),
      layer<LstmCell>("lstm_cell", "one step of lstm: [N, F] and states [N, size] -> the next states"),
      layer<GruCell>("gru_cell", "one step of gru: [N, F] and [N, size] -> [N, size]"),

      layer<GraphPropagate>("graph_propagate", "sums over the edges to each node: [V, F] -> the same"),
      layer<GcnConv>("gcn_conv", "graph convolution by Kipf and Welling: [V, F] -> [V, out]"),
      layer<SageConv>("sage_conv", "GraphSAGE: neighbours joined, and the node itself: [V, F] -> [V, out]"),
      layer<GatConv>("gat_conv", "graph attention: [V, F] -> [V, heads out]"),
      layer<GinConv>("gin_conv", "graph isomorphism network: [V, F] -> [V, out]"),
      layer<GraphPool>("graph_pool", "nodes of each graph joined: [V, F] -> [N, F]"),

      layer<DotInteraction>("dot_interaction",
                            "dot products of all pairs of vectors: [N, K, D] -> [N, pairs]"),
      layer<Bilinear>("bilinear", "a W b + bias of two inputs: [*, I] and [*, J] -> [*, out]"),
      layer<CosineSimilarity>("cosine_similarity", "cosine of the angle between two inputs' vectors"),
      layer<PairwiseDistance>("pairwise_distance", "p-norm of the difference of two inputs' vectors"),
      layer<DotProduct>("dot_product", "dot products of two inputs' vectors: [*, D] -> [*]"),
      layer<L2Normalize>("l2_normalize", "vectors scaled to length 1"),

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
