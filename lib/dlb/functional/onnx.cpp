// Which operator of ONNX says what a function says, for functions that are not operators of their own here
// (those carry it in their OpDef). One table: the names of ONNX are easier to check side by side.
#include <algorithm>
#include <array>

#include "dlb/functional/function.h"

namespace dlb::functional {

namespace {

struct Row {
  std::string_view name;
  OnnxMapping onnx;
};

// Sorted by name.
constexpr Row kRows[] = {
    {"addmm", {"Gemm", 13}},
    {"affine_grid", {"AffineGrid", 20}},
    {"avg_pool1d", {"AveragePool", 11}},
    {"avg_pool2d", {"AveragePool", 11}},
    {"avg_pool3d", {"AveragePool", 11}},
    {"batch_norm", {"BatchNormalization", 15}},
    {"bernoulli", {"Bernoulli", 15}},
    {"blackman_window", {"BlackmanWindow", 17}},
    {"bmm", {"MatMul", 13}},
    {"broadcast_to", {"Expand", 13}},
    {"celu", {"Celu", 12}},
    {"chunk", {"Split", 13}},
    {"clamp_max", {"Min", 13}},
    {"clamp_min", {"Max", 13}},
    {"column_stack", {"Concat", 13}},
    {"constant_pad_nd", {"Pad", 13}},
    {"conv1d", {"Conv", 11}},
    {"conv2d", {"Conv", 11}},
    {"conv3d", {"Conv", 11}},
    {"conv_transpose1d", {"ConvTranspose", 11}},
    {"conv_transpose2d", {"ConvTranspose", 11}},
    {"conv_transpose3d", {"ConvTranspose", 11}},
    {"det", {"Det", 11}},
    {"dot", {"MatMul", 13}},
    {"dropout", {"Dropout", 13}},
    {"dstack", {"Concat", 13}},
    {"einsum", {"Einsum", 12}},
    {"embedding", {"Gather", 13}},
    {"expand_as", {"Expand", 13}},
    {"fft.fft", {"DFT", 20}},
    {"fft.ifft", {"DFT", 20}},
    {"fft.rfft", {"DFT", 20}},
    {"flatten", {"Reshape", 13}},
    {"fliplr", {"Slice", 13}},
    {"flipud", {"Slice", 13}},
    {"fold", {"Col2Im", 18}},
    {"full_like", {"ConstantOfShape", 9}},
    {"gru", {"GRU", 14}},
    {"hamming_window", {"HammingWindow", 17}},
    {"hann_window", {"HannWindow", 17}},
    {"hardshrink", {"Shrink", 9}},
    {"hardtanh", {"Clip", 13}},
    {"hstack", {"Concat", 13}},
    {"index_put", {"ScatterND", 18}},
    {"instance_norm", {"InstanceNormalization", 6}},
    {"interpolate", {"Resize", 19}},
    {"isneginf", {"IsInf", 20}},
    {"isposinf", {"IsInf", 20}},
    {"linalg.det", {"Det", 11}},
    {"linear", {"Gemm", 13}},
    {"local_response_norm", {"LRN", 13}},
    {"logsumexp", {"ReduceLogSumExp", 18}},
    {"lp_pool1d", {"LpPool", 18}},
    {"lp_pool2d", {"LpPool", 18}},
    {"lp_pool3d", {"LpPool", 18}},
    {"lstm", {"LSTM", 14}},
    {"masked_fill", {"Where", 9}},
    {"masked_select", {"Compress", 11}},
    {"max_pool1d", {"MaxPool", 12}},
    {"max_pool2d", {"MaxPool", 12}},
    {"max_pool3d", {"MaxPool", 12}},
    {"max_unpool1d", {"MaxUnpool", 11}},
    {"max_unpool2d", {"MaxUnpool", 11}},
    {"max_unpool3d", {"MaxUnpool", 11}},
    {"mm", {"MatMul", 13}},
    {"movedim", {"Transpose", 13}},
    {"mv", {"MatMul", 13}},
    {"narrow", {"Slice", 13}},
    {"normalize", {"LpNormalization", 1}},
    {"ones", {"ConstantOfShape", 9}},
    {"ones_like", {"ConstantOfShape", 9}},
    {"pixel_shuffle", {"DepthToSpace", 13}},
    {"positive", {"Identity", 13}},
    {"prelu", {"PRelu", 16}},
    {"rand", {"RandomUniform", 1}},
    {"rand_like", {"RandomUniformLike", 1}},
    {"randn", {"RandomNormal", 1}},
    {"randn_like", {"RandomNormalLike", 1}},
    {"ravel", {"Reshape", 13}},
    {"relu6", {"Clip", 13}},
    {"repeat", {"Tile", 13}},
    {"rms_norm", {"RMSNormalization", 23}},
    {"rnn_relu", {"RNN", 14}},
    {"rnn_tanh", {"RNN", 14}},
    {"scaled_dot_product_attention", {"Attention", 23}},
    {"scatter_reduce", {"ScatterElements", 18}},
    {"select", {"Gather", 13}},
    {"selu", {"Selu", 6}},
    {"silu", {"Swish", 24}},
    {"softshrink", {"Shrink", 9}},
    {"softsign", {"Softsign", 1}},
    {"sort", {"TopK", 11}},
    {"split", {"Split", 13}},
    {"split_with_sizes", {"Split", 13}},
    {"squeeze", {"Squeeze", 13}},
    {"stft", {"STFT", 17}},
    {"swapaxes", {"Transpose", 13}},
    {"t", {"Transpose", 13}},
    {"take_along_dim", {"GatherElements", 13}},
    {"tensor_split", {"Split", 13}},
    {"tile", {"Tile", 13}},
    {"transpose", {"Transpose", 13}},
    {"tril", {"Trilu", 14}},
    {"triu", {"Trilu", 14}},
    {"true_divide", {"Div", 14}},
    {"unflatten", {"Reshape", 13}},
    {"unique", {"Unique", 11}},
    {"unsqueeze", {"Unsqueeze", 13}},
    {"upsample_bilinear", {"Resize", 19}},
    {"upsample_nearest", {"Resize", 19}},
    {"view", {"Reshape", 13}},
    {"view_as", {"Reshape", 13}},
    {"vstack", {"Concat", 13}},
    {"zeros", {"ConstantOfShape", 9}},
    {"zeros_like", {"ConstantOfShape", 9}},
};
static_assert(std::is_sorted(std::begin(kRows), std::end(kRows),
                             [](const Row& a, const Row& b) { return a.name < b.name; }));

}  // namespace

OnnxMapping Function::onnx() const {
  const Row* row = std::lower_bound(std::begin(kRows), std::end(kRows), name,
                                    [](const Row& r, std::string_view n) { return r.name < n; });
  if (row != std::end(kRows) && row->name == name) return row->onnx;
  const OpDef* op = find_op(name);
  return op != nullptr ? op->onnx : OnnxMapping{};
}

}  // namespace dlb::functional
