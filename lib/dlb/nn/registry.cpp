#include <vector>

#include "dlb/nn/activation.h"
#include "dlb/nn/adaptive_softmax.h"
#include "dlb/nn/attention.h"
#include "dlb/nn/audio.h"
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
#include "dlb/nn/parts.h"
#include "dlb/nn/pool.h"
#include "dlb/nn/random.h"
#include "dlb/nn/recurrent.h"
#include "dlb/nn/reduction.h"
#include "dlb/nn/resize.h"
#include "dlb/nn/shape.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/reduce.h"
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
      layer<Conv3d>("conv3d", "convolution: [N, C, D, H, W] -> [N, out, D', H', W']"),
      layer<ConvTranspose1d>("conv_transpose1d", "transposed convolution: [N, C, L] -> [N, out, L']"),
      layer<ConvTranspose2d>("conv_transpose2d", "transposed convolution: [N, C, H, W] -> [N, out, H', W']"),
      layer<ConvTranspose3d>("conv_transpose3d", "transposed convolution over three dimensions"),
      layer<PatchEmbedding>("patch_embedding", "patches as vectors: [N, C, H, W] -> [N, patches, dim]"),

      layer<MaxPool1d>("max_pool1d", "largest value in each window: [N, C, L] -> [N, C, L']"),
      layer<MaxPool2d>("max_pool2d", "largest value in each window: [N, C, H, W] -> [N, C, H', W']"),
      layer<MaxPool3d>("max_pool3d", "largest value in each window: [N, C, D, H, W]"),
      layer<AvgPool1d>("avg_pool1d", "mean of each window: [N, C, L] -> [N, C, L']"),
      layer<AvgPool2d>("avg_pool2d", "mean of each window: [N, C, H, W] -> [N, C, H', W']"),
      layer<AvgPool3d>("avg_pool3d", "mean of each window: [N, C, D, H, W]"),
      layer<LpPool1d>("lp_pool1d", "p-norm of each window: [N, C, L] -> [N, C, L']"),
      layer<LpPool2d>("lp_pool2d", "p-norm of each window: [N, C, H, W] -> [N, C, H', W']"),
      layer<LpPool3d>("lp_pool3d", "p-norm of each window: [N, C, D, H, W]"),
      layer<FractionalMaxPool2d>("fractional_max_pool2d", "largest value in windows at random distances"),
      layer<FractionalMaxPool3d>("fractional_max_pool3d", "largest value in windows at random distances"),
      layer<MaxUnpool1d>("max_unpool1d", "values put back to where max_pool1d found them"),
      layer<MaxUnpool2d>("max_unpool2d", "values put back to where max_pool2d found them"),
      layer<MaxUnpool3d>("max_unpool3d", "values put back to where max_pool3d found them"),
      layer<AdaptiveAvgPool1d>("adaptive_avg_pool1d", "mean of windows chosen to give the output size"),
      layer<AdaptiveAvgPool2d>("adaptive_avg_pool2d", "mean of windows chosen to give the output size"),
      layer<AdaptiveAvgPool3d>("adaptive_avg_pool3d", "mean of windows chosen to give the output size"),
      layer<AdaptiveMaxPool1d>("adaptive_max_pool1d",
                               "largest value of windows chosen to give the output size"),
      layer<AdaptiveMaxPool2d>("adaptive_max_pool2d",
                               "largest value of windows chosen to give the output size"),
      layer<AdaptiveMaxPool3d>("adaptive_max_pool3d",
                               "largest value of windows chosen to give the output size"),
      layer<GlobalAvgPool>("global_avg_pool", "mean over space: [N, C, spatial...] -> [N, C]"),
      layer<GlobalMaxPool>("global_max_pool", "largest value over space: [N, C, spatial...] -> [N, C]"),
      layer<SequencePool>("sequence_pool", "steps of each sequence joined: [N, T, *] -> [N, *]"),

      layer<BatchNorm>("batch_norm",
                       "per channel over the batch and space, running statistics outside training"),
      layer<LayerNorm>("layer_norm", "over the last dimensions of each sample"),
      layer<GroupNorm>("group_norm", "over groups of channels and space of each sample"),
      layer<InstanceNorm>("instance_norm", "over space for each channel of each sample"),
      layer<RmsNorm>("rms_norm", "by the root of the mean square over the last dimensions"),
      layer<LocalResponseNorm>("local_response_norm", "by the squares of neighbouring channels"),

      layer<Dropout>("dropout", "zeroes elements at random while training"),
      layer<FeatureDropout<1>>("dropout1d", "zeroes channels of [N, C, L] at random while training"),
      layer<FeatureDropout<2>>("dropout2d", "zeroes channels of [N, C, H, W] at random while training"),
      layer<FeatureDropout<3>>("dropout3d", "zeroes channels of [N, C, D, H, W] at random while training"),
      layer<FeatureDropout<0>>("feature_dropout", "zeroes channels of [N, C, ...] at random while training"),
      layer<AlphaDropout<false>>("alpha_dropout", "dropout that keeps mean 0 and variance 1 behind selu"),
      layer<AlphaDropout<true>>("feature_alpha_dropout", "alpha_dropout of whole channels"),
      layer<DropPath>("drop_path", "zeroes whole samples at random while training: stochastic depth"),
      layer<GaussianNoise>("gaussian_noise", "adds normal noise while training"),

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
      layer<Threshold>("threshold", "x if x > threshold else value"),
      layer<Hardshrink>("hardshrink", "0 if |x| <= lambda else x"),
      layer<Softshrink>("softshrink", "x moved by lambda towards 0, not beyond"),
      layer<Activation<&tanhshrink>>("tanhshrink", "x - tanh(x)"),
      layer<Prelu>("prelu", "x if x > 0 else a learned slope times x"),
      layer<Rrelu>("rrelu", "x if x > 0 else a random slope times x"),
      layer<Glu>("glu", "a sigmoid(b) of the halves a, b along a dimension"),
      layer<GatedActivation<&silu>>("swiglu", "silu(a) b of the halves a, b along a dimension"),
      layer<GatedActivation<&exact_gelu>>("geglu", "gelu(a) b of the halves a, b along a dimension"),
      layer<GatedActivation<&relu>>("reglu", "relu(a) b of the halves a, b along a dimension"),
      layer<Activation<&hardswish>>("hardswish", "x relu6(x + 3) / 6"),
      layer<Activation<&hardsigmoid>>("hardsigmoid", "relu6(x + 3) / 6"),
      layer<Softmax>("softmax", "exp(x) / sum exp(x) along a dimension"),
      layer<LogSoftmax>("log_softmax", "log of softmax, without overflow"),
      layer<AdaptiveLogSoftmax>("adaptive_log_softmax",
                                "log-probabilities of very many classes: [*, F] -> [*, classes]"),
      layer<Softmin>("softmin", "softmax of -x along a dimension"),
      layer<Softmax2d>("softmax2d", "softmax over the channels of each pixel of [N, C, H, W]"),
      layer<GumbelSoftmax>("gumbel_softmax", "softmax with Gumbel noise: samples of classes"),
      layer<StraightThrough>("straight_through", "a step function with the gradient of the identity"),

      layer<Identity>("identity", "the input itself"),
      layer<Flatten>("flatten", "joins dimensions: [N, A, B, ...] -> [N, A B ...]"),
      layer<Reshape>("reshape", "gives each sample another shape: [N, ...] -> [N, shape...]"),
      layer<Unflatten>("unflatten", "one dimension as several"),
      layer<Permute>("permute", "reorders the dimensions"),
      layer<Squeeze>("squeeze", "removes a dimension of size 1"),
      layer<Unsqueeze>("unsqueeze", "inserts a dimension of size 1"),
      layer<Transpose>("transpose", "exchanges two dimensions"),
      layer<Select>("select", "one index of a dimension, which goes"),
      layer<Slice>("slice", "a range of a dimension"),
      layer<Split>("split", "parts of given sizes along a dimension, as many outputs"),
      layer<Chunk>("chunk", "parts of one size along a dimension, as many outputs"),
      layer<Gather>("gather", "elements along a dimension by an index for each"),
      layer<IndexSelect>("index_select", "rows along a dimension by number"),
      layer<TopK>("topk", "the largest elements along a dimension, and where they are"),
      layer<Expand>("expand", "repeats dimensions of size 1 without a copy"),
      layer<Repeat>("tile", "repeats the tensor along each dimension"),
      layer<Flip>("flip", "reverses dimensions"),
      layer<Roll>("roll", "moves elements along dimensions, around the end"),
      layer<ClassToken>("class_token", "a learned vector in front: [N, T, D] -> [N, T + 1, D]"),
      layer<CenterCrop>("center_crop", "the middle of an image"),
      layer<Pad>("pad", "elements added at the borders"),
      layer<Upsample>("upsample", "resamples the spatial dimensions"),
      layer<PixelShuffle>("pixel_shuffle", "[N, C r^2, H, W] -> [N, C, H r, W r]"),
      layer<PixelUnshuffle>("pixel_unshuffle", "[N, C, H r, W r] -> [N, C r^2, H, W]"),
      layer<ChannelShuffle>("channel_shuffle", "mixes the channels of groups"),
      layer<Unfold>("unfold", "sliding windows as columns: [N, C, H, W] -> [N, C KH KW, L]"),
      layer<FoldWindows>("fold", "columns added where their windows lie: [N, C KH KW, L] -> [N, C, H, W]"),
      layer<GridSample>("grid_sample", "an image interpolated at the points of a grid"),
      layer<AffineGrid>("affine_grid", "the grid of affine maps"),

      layer<Reduction<&mean>>("mean", "mean over dimensions"),
      layer<Reduction<&sum>>("sum", "sum over dimensions"),
      layer<Reduction<&prod>>("prod", "product over dimensions"),
      layer<Reduction<&amax>>("max", "largest value over dimensions"),
      layer<Reduction<&amin>>("min", "smallest value over dimensions"),
      layer<Reduction<&norm>>("norm", "root of the sum of squares over dimensions"),
      layer<Reduction<&sample_variance>>("var", "sample variance over dimensions"),
      layer<Reduction<&sample_deviation>>("std", "sample standard deviation over dimensions"),
      layer<Reduction<&log_sum_exp>>("logsumexp", "log of the sum of exponentials over dimensions"),
      layer<ArgReduction<static_cast<Tensor (*)(const Tensor&, int64_t, bool)>(&argmax)>>(
          "argmax", "where the largest element is along a dimension"),
      layer<ArgReduction<static_cast<Tensor (*)(const Tensor&, int64_t, bool)>(&argmin)>>(
          "argmin", "where the smallest element is along a dimension"),
      layer<Cumsum>("cumsum", "running sums along a dimension"),
      layer<Scale>("scale", "factor x + shift"),
      layer<LayerScale>("layer_scale", "x times a learned vector, small at first"),
      layer<Clamp>("clamp", "x limited to [min, max]"),
      layer<Cast>("cast", "converts to another type"),
      layer<OneHot>("one_hot", "whole numbers as vectors with one 1: [*] -> [*, classes]"),
      layer<MaskedFill>("masked_fill", "a value where a mask is true"),
      layer<RandomNormal>("random_normal", "normal numbers: [N, *] -> [N, *shape]"),
      layer<RandomUniform>("random_uniform", "uniform numbers: [N, *] -> [N, *shape]"),
      layer<Reparameterize>("reparameterize",
                            "a sample of a normal distribution, from its mean and log-variance"),
      layer<VectorQuantize>("vector_quantize", "the nearest vectors of a codebook, its loss, their numbers"),
      layer<Stft>("stft",
                  "short-time Fourier transforms: [N, L] -> real and imaginary [N, frequencies, frames]"),
      layer<Spectrogram>("spectrogram", "energies of short-time spectra: [N, L] -> [N, frequencies, frames]"),
      layer<MelSpectrogram>("mel_spectrogram", "energies in mel bands: [N, L] -> [N, n_mels, frames]"),

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
      layer<Pair<static_cast<Tensor (*)(const Tensor&, const Tensor&)>(&sub)>>("sub", "first input - second"),
      layer<Pair<static_cast<Tensor (*)(const Tensor&, const Tensor&)>(&div)>>("div", "first input / second"),
      layer<Pair<&matmul>>("matmul", "matrix product of two inputs, with batch dimensions"),
      layer<Fold<&maximum>>("maximum", "elementwise largest of several inputs"),
      layer<Fold<&minimum>>("minimum", "elementwise smallest of several inputs"),
      layer<Average>("average", "mean of several inputs"),
      layer<Einsum>("einsum", "Einstein's summation over several inputs"),
      layer<Cdist>("cdist", "distances between all rows of two inputs"),
      layer<Concat>("concat", "several inputs joined along a dimension"),
      layer<Stack>("stack", "several inputs along a new dimension"),
  };
}

}  // namespace

std::span<const LayerType> layer_types() {
  static const std::vector<LayerType> types = make_layer_types();
  return types;
}

}  // namespace dlb::nn
