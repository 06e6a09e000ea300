// Every layer is exported and compared, or refused by name.
#include <algorithm>
#include <catch2/catch.hpp>
#include <set>

#include "../model/support.h"
#include "dlb/deploy/export.h"
#include "dlb/graph/session.h"
#include "dlb/io/onnx.h"
#include "dlb/io/program.h"
#include "dlb/nn/layer.h"
#include "dlb/ops/random.h"
#include "dlb/ops/unary.h"

namespace dlb {

namespace {

struct Example {
  const char* layer;
  const char* yaml;  ///< steps, or {inputs, steps, outputs}
  std::vector<Shape> inputs;
  std::string kinds =
      {};  ///< of inputs: f floats, w whole numbers 0 to 4, l 1 to 4, b truths; "": all floats
  const char* reason = nullptr;  ///< why it cannot be exported
};

const std::vector<Example>& examples() {
  static const std::vector<Example> list = {
      {"linear", "[linear: 5]", {{4, 3}}},
      {"linear", "[linear: {out: 5, bias: false}]", {{4, 7, 3}}},
      {"conv1d", "[conv1d: {out: 6, kernel: 3, stride: 2, padding: 1}]", {{4, 3, 20}}},
      {"conv2d", "[conv2d: {out: 6, kernel: 3, padding: same, groups: 3}, relu]", {{4, 3, 8, 8}}},
      {"conv3d", "[conv3d: {out: 4, kernel: 2}]", {{2, 2, 5, 5, 5}}},
      {"conv_transpose1d", "[conv_transpose1d: {out: 3, kernel: 3, stride: 2}]", {{4, 2, 9}}},
      {"conv_transpose2d",
       "[conv_transpose2d: {out: 3, kernel: 3, stride: 2, padding: 1, output_padding: 1}]",
       {{4, 2, 5, 5}}},
      {"conv_transpose3d", "[conv_transpose3d: {out: 3, kernel: 2}]", {{2, 2, 3, 3, 3}}},
      {"patch_embedding", "[patch_embedding: {dim: 6, patch: 4}]", {{4, 3, 8, 8}}},
      {"max_pool1d", "[max_pool1d: 2]", {{4, 3, 9}}},
      {"max_pool2d", "[max_pool2d: {kernel: 3, stride: 2, padding: 1}]", {{4, 3, 9, 9}}},
      {"max_pool3d", "[max_pool3d: 2]", {{2, 3, 4, 4, 4}}},
      {"avg_pool1d", "[avg_pool1d: 2]", {{4, 3, 8}}},
      {"avg_pool2d", "[avg_pool2d: {kernel: 3, stride: 2, padding: 1}]", {{4, 3, 9, 9}}},
      {"avg_pool3d", "[avg_pool3d: 2]", {{2, 3, 4, 4, 4}}},
      {"adaptive_avg_pool1d", "[adaptive_avg_pool1d: 4]", {{4, 3, 8}}},
      {"adaptive_avg_pool2d", "[adaptive_avg_pool2d: 1]", {{4, 3, 8, 8}}},
      {"adaptive_avg_pool3d", "[adaptive_avg_pool3d: 2]", {{2, 3, 4, 4, 4}}},
      {"adaptive_max_pool1d", "[adaptive_max_pool1d: 4]", {{4, 3, 8}}},
      {"adaptive_max_pool2d", "[adaptive_max_pool2d: 2]", {{4, 3, 8, 8}}},
      {"adaptive_max_pool3d", "[adaptive_max_pool3d: 2]", {{2, 3, 4, 4, 4}}},
      {"global_avg_pool", "[global_avg_pool]", {{4, 3, 8, 8}}},
      {"global_max_pool", "[global_max_pool]", {{4, 3, 8, 8}}},
      {"batch_norm", "[batch_norm]", {{4, 3, 8, 8}}},
      {"layer_norm", "[layer_norm]", {{4, 7, 6}}},
      {"group_norm", "[group_norm: {groups: 2}]", {{4, 6, 5, 5}}},
      {"instance_norm", "[instance_norm]", {{4, 6, 5, 5}}},
      {"rms_norm", "[rms_norm]", {{4, 7, 6}}},
      {"local_response_norm", "[local_response_norm: 3]", {{4, 6, 5, 5}}},
      {"dropout", "[dropout: 0.5]", {{4, 6}}},
      {"dropout1d", "[dropout1d: 0.5]", {{4, 6, 5}}},
      {"dropout2d", "[dropout2d: 0.5]", {{4, 6, 5, 5}}},
      {"dropout3d", "[dropout3d: 0.5]", {{2, 6, 3, 3, 3}}},
      {"feature_dropout", "[feature_dropout: 0.5]", {{4, 6, 5}}},
      {"alpha_dropout", "[alpha_dropout: 0.5]", {{4, 6}}},
      {"feature_alpha_dropout", "[feature_alpha_dropout: 0.5]", {{4, 6, 5}}},
      {"drop_path", "[drop_path: 0.5]", {{4, 6}}},
      {"gaussian_noise", "[gaussian_noise: 0.5]", {{4, 6}}},
      {"relu", "[relu]", {{4, 6}}},
      {"relu6", "[relu6]", {{4, 6}}},
      {"leaky_relu", "[leaky_relu]", {{4, 6}}},
      {"elu", "[elu]", {{4, 6}}},
      {"selu", "[selu]", {{4, 6}}},
      {"celu", "[celu]", {{4, 6}}},
      {"gelu", "[gelu]", {{4, 6}}},
      {"gelu", "[{gelu: {approximate: tanh}}, {linear: 3}]", {{4, 6}}},
      {"silu", "[silu]", {{4, 6}}},
      {"mish", "[mish]", {{4, 6}}},
      {"tanh", "[tanh]", {{4, 6}}},
      {"sigmoid", "[sigmoid]", {{4, 6}}},
      {"logsigmoid", "[logsigmoid]", {{4, 6}}},
      {"softplus", "[softplus: {beta: 2}]", {{4, 6}}},
      {"softsign", "[softsign]", {{4, 6}}},
      {"hardtanh", "[hardtanh]", {{4, 6}}},
      {"threshold", "[threshold: {threshold: 0.1, value: 2}]", {{4, 6}}},
      {"hardshrink", "[hardshrink]", {{4, 6}}},
      {"softshrink", "[softshrink]", {{4, 6}}},
      {"tanhshrink", "[tanhshrink]", {{4, 6}}},
      {"prelu", "[prelu]", {{4, 6}}},
      {"rrelu", "[rrelu]", {{4, 6}}},
      {"glu", "[glu]", {{4, 6}}},
      {"swiglu", "[swiglu]", {{4, 6}}},
      {"geglu", "[geglu]", {{4, 6}}},
      {"reglu", "[reglu]", {{4, 6}}},
      {"hardswish", "[hardswish]", {{4, 6}}},
      {"hardsigmoid", "[hardsigmoid]", {{4, 6}}},
      {"softmax", "[softmax]", {{4, 6}}},
      {"log_softmax", "[log_softmax]", {{4, 6}}},
      {"softmin", "[softmin]", {{4, 6}}},
      {"softmax2d", "[softmax2d]", {{4, 6, 3, 3}}},
      {"straight_through", "[straight_through]", {{4, 6}}},
      {"identity", "[identity]", {{4, 6}}},
      {"flatten", "[flatten]", {{4, 6, 2}}},
      {"reshape", "[reshape: [3, 4]]", {{4, 12}}},
      {"unflatten", "[unflatten: {dim: 1, sizes: [3, 4]}]", {{4, 12}}},
      {"permute", "[permute: [0, 2, 1]]", {{4, 6, 2}}},
      {"squeeze", "[squeeze: 1]", {{4, 1, 2}}},
      {"unsqueeze", "[unsqueeze: 1]", {{4, 6}}},
      {"transpose", "[transpose: {dim0: 1, dim1: 2}]", {{4, 6, 2}}},
      {"select", "[select: {dim: 1, index: 2}]", {{4, 6, 2}}},
      {"slice", "[slice: {dim: 1, start: 1, end: -1}]", {{4, 6, 2}}},
      {"split", "{steps: [{split: {sizes: [2, 4], as: [a, b]}}, {concat: {in: [b, a]}}]}", {{4, 6}}},
      {"chunk", "{steps: [{chunk: {count: 2, as: [a, b]}}, {add: {in: [b, a]}}]}", {{4, 6}}},
      {"topk", "[topk: {k: 2}]", {{4, 6}}},
      {"expand", "[expand: [-1, 5, 6]]", {{4, 1, 6}}},
      {"tile", "[tile: [1, 2]]", {{4, 3}}},
      {"flip", "[flip: {dims: [1]}]", {{4, 3}}},
      {"roll", "[roll: {shifts: [1], dims: [1]}]", {{4, 3}}},
      {"class_token", "[class_token]", {{4, 3, 6}}},
      {"center_crop", "[center_crop: 4]", {{4, 3, 8, 8}}},
      {"pad", "[pad: {padding: [1, 2]}]", {{4, 3, 8}}},
      {"upsample", "[upsample: {scale: 2, mode: bilinear}]", {{4, 3, 5, 5}}},
      {"upsample", "[upsample: {scale: 2}]", {{4, 3, 5, 5}}},
      {"pixel_shuffle", "[pixel_shuffle: 2]", {{4, 8, 3, 3}}},
      {"pixel_unshuffle", "[pixel_unshuffle: 2]", {{4, 2, 6, 6}}},
      {"channel_shuffle", "[channel_shuffle: 2]", {{4, 8, 3, 3}}},
      {"mean", "[mean: {dim: 1}]", {{4, 6, 2}}},
      {"sum", "[sum: {dim: 1}]", {{4, 6, 2}}},
      {"prod", "[prod: {dim: 1}]", {{4, 6, 2}}},
      {"max", "[max: {dim: 1}]", {{4, 6, 2}}},
      {"min", "[min: {dim: 1}]", {{4, 6, 2}}},
      {"norm", "[norm: {dim: 1}]", {{4, 6, 2}}},
      {"var", "[var: {dim: 1}]", {{4, 6, 2}}},
      {"std", "[std: {dim: 1}]", {{4, 6, 2}}},
      {"logsumexp", "[logsumexp: {dim: 1}]", {{4, 6, 2}}},
      {"argmax", "[argmax: {dim: 1}]", {{4, 6, 2}}},
      {"argmin", "[argmin: {dim: 1}]", {{4, 6, 2}}},
      {"cumsum", "[cumsum: {dim: 1}]", {{4, 6, 2}}},
      {"scale", "[scale]", {{4, 6}}},
      {"layer_scale", "[layer_scale]", {{4, 6}}},
      {"clamp", "[clamp: {min: 0.2, max: 0.7}]", {{4, 6}}},
      {"cast", "[cast: float64]", {{4, 6}}},
      {"one_hot", "[one_hot: 5]", {{4, 6}}, "w"},
      {"parameter", "{steps: [{parameter: {shape: [6], as: p}}, {add: {in: [input, p]}}]}", {{4, 6}}},
      {"embedding", "[embedding: {count: 5, dim: 3}]", {{4, 9}}, "w"},
      {"embedding", "[embedding: {count: 5, dim: 3, max_norm: 0.6}]", {{4, 9}}, "w"},
      {"embedding", "[embedding: {count: 5, dim: 3, max_norm: 0.4, norm_type: 1}]", {{4, 9}}, "w"},
      {"embedding_tables", "[embedding_tables: {counts: [5], dim: 3}]", {{4, 6}}, "w"},
      {"position_embedding",
       "{steps: [{embedding: {count: 5, dim: 4, as: e}}, {position_embedding: {count: 9, as: p}}, {add: {in: "
       "[e, p]}}]}",
       {{4, 9}},
       "w"},
      {"sinusoidal_positions",
       "{steps: [{embedding: {count: 5, dim: 4, as: e}}, {sinusoidal_positions: {as: p}}, {add: {in: [e, "
       "p]}}]}",
       {{4, 9}},
       "w"},
      {"attention",
       "[{embedding: {count: 5, dim: 8}}, {attention: {heads: 2, causal: true}}]",
       {{4, 9}},
       "w"},
      {"attention",
       "[{embedding: {count: 5, dim: 8}}, {attention: {heads: 2, kv_heads: 1, rotary: true}}]",
       {{4, 9}},
       "w"},
      {"transformer_encoder_layer",
       "[{embedding: {count: 5, dim: 8}}, {transformer_encoder_layer: {heads: 2}}]",
       {{4, 9}},
       "w"},
      {"rnn", "[rnn: 5]", {{4, 7, 3}}},
      {"lstm", "[lstm: {size: 5, layers: 2, bidirectional: true}]", {{4, 7, 3}}},
      {"gru", "[gru: 5]", {{4, 7, 3}}},
      {"dot_interaction", "[dot_interaction]", {{4, 5, 3}}},
      {"bilinear", "[bilinear: {in: [a, b], out: 3}]", {{4, 5}, {4, 6}}},
      {"cosine_similarity", "[cosine_similarity: {in: [a, b]}]", {{4, 5}, {4, 5}}},
      {"pairwise_distance", "[pairwise_distance: {in: [a, b]}]", {{4, 5}, {4, 5}}},
      {"dot_product", "[dot_product: {in: [a, b]}]", {{4, 5}, {4, 5}}},
      {"l2_normalize", "[l2_normalize]", {{4, 5}}},
      {"add", "[add: {in: [a, b]}]", {{4, 5}, {4, 5}}},
      {"mul", "[mul: {in: [a, b]}]", {{4, 5}, {4, 5}}},
      {"sub", "[sub: {in: [a, b]}]", {{4, 5}, {4, 5}}},
      {"div", "[div: {in: [a, b]}]", {{4, 5}, {4, 5}}},
      {"matmul", "[matmul: {in: [a, b]}]", {{4, 5, 3}, {4, 3, 2}}},
      {"maximum", "[maximum: {in: [a, b]}]", {{4, 5}, {4, 5}}},
      {"minimum", "[minimum: {in: [a, b]}]", {{4, 5}, {4, 5}}},
      {"average", "[average: {in: [a, b]}]", {{4, 5}, {4, 5}}},
      {"einsum", "[einsum: {in: [a, b], equation: 'nij,njk->nik'}]", {{4, 5, 3}, {4, 3, 2}}},
      {"concat", "[concat: {in: [a, b]}]", {{4, 5}, {4, 3}}},
      {"stack", "[stack: {in: [a, b]}]", {{4, 5}, {4, 5}}},
      {"lp_pool1d", "[lp_pool1d: 2]", {{4, 3, 9}}},
      {"lp_pool2d", "[lp_pool2d: {kernel: [3, 2], p: 3, stride: 1}]", {{4, 3, 6, 5}}},
      {"lp_pool3d", "[lp_pool3d: 2]", {{2, 3, 4, 4, 4}}},
      {"max_unpool1d",
       "[{max_pool1d: {kernel: 2, return_indices: true, as: [v, i]}}, {max_unpool1d: {in: [v, i], kernel: "
       "2}}]",
       {{4, 3, 8}}},
      {"max_unpool2d",
       "[{max_pool2d: {kernel: 2, return_indices: true, as: [v, i]}}, "
       "{max_unpool2d: {in: [v, i], kernel: 2, output: [7, 6]}}]",
       {{4, 3, 7, 6}}},
      {"max_unpool3d",
       "[{max_pool3d: {kernel: 2, return_indices: true, as: [v, i]}}, {max_unpool3d: {in: [v, i], kernel: "
       "2}}]",
       {{2, 3, 4, 4, 4}}},
      {"sequence_pool", "[sequence_pool: max]", {{4, 7, 3}}},
      {"sequence_pool",
       "[{eval: {expr: \"b + 1\", as: n}}, {sequence_pool: {in: a, lengths: n, reduce: mean}}]",
       {{4, 7, 3}, {4}},
       "fw"},
      {"sequence_pool",
       "[{eval: {expr: \"b + 1\", as: n}}, {sequence_pool: {in: a, lengths: n, reduce: last}}]",
       {{4, 7, 3}, {4}},
       "fw"},
      {"adaptive_log_softmax", "[adaptive_log_softmax: {classes: 12, cutoffs: [4, 8]}]", {{4, 32}}},
      {"gather", "[gather: {in: [a, b], dim: 1}]", {{4, 5, 3}, {4, 2, 3}}, "fw"},
      {"index_select", "[index_select: {in: [a, b], dim: 1}]", {{4, 5, 3}, {6}}, "fw"},
      {"unfold", "[unfold: {kernel: 2, padding: 1}]", {{4, 3, 6, 5}}},
      {"fold", "[fold: {output: [6, 5], kernel: 2}]", {{4, 12, 20}}},
      {"fold", "[fold: {output: [6, 5], kernel: [3, 2], padding: [1, 0], stride: 2}]", {{4, 12, 6}}},
      {"grid_sample", "[grid_sample: {in: [a, b]}]", {{4, 3, 6, 5}, {4, 4, 3, 2}}},
      {"grid_sample",
       "[grid_sample: {in: [a, b], mode: bicubic, padding: border, align_corners: true}]",
       {{4, 3, 6, 5}, {4, 4, 3, 2}}},
      {"affine_grid", "[affine_grid: {in: [a, b]}]", {{4, 2, 3}, {4, 3, 6, 5}}},
      {"masked_fill", "[masked_fill: {in: [a, b], value: 2}]", {{4, 5}, {4, 5}}, "fb"},
      {"reparameterize", "[reparameterize: {in: [a, b]}]", {{4, 5}, {4, 5}}},
      {"vector_quantize",
       "{steps: [{vector_quantize: {count: 5, as: [q, loss, n]}}], outputs: [q, loss, n]}",
       {{4, 7, 3}}},
      {"stft", "[{stft: {n_fft: 16, as: [re, im]}}, {add: {in: [re, im]}}]", {{4, 64}}},
      {"spectrogram", "[spectrogram: {n_fft: 16}]", {{4, 64}}},
      {"mel_spectrogram", "[mel_spectrogram: {n_fft: 64, n_mels: 8}]", {{4, 256}}},
      {"embedding_bag", "[embedding_bag: {count: 5, dim: 3}]", {{4, 9}}, "w"},
      {"embedding_bag", "[embedding_bag: {count: 5, dim: 3, mode: sum, padding_idx: 0}]", {{4, 9}}, "w"},
      {"embedding_bag",
       "[{eval: {expr: \"cumsum(b, 0) - b\", as: o}}, {embedding_bag: {in: a, offsets: o, count: 5, dim: "
       "3}}]",
       {{30}, {4}},
       "w"},
      {"embedding_bag",
       "[{eval: {expr: \"cumsum(b, 0) - b\", as: o}}, {embedding_bag: {in: a, offsets: o, count: 5, dim: 3, "
       "mode: sum, padding_idx: 1, include_last_offset: true}}]",
       {{30}, {4}},
       "w"},
      {"embedding_bag", "[embedding_bag: {count: 5, dim: 3, mode: max}]", {{4, 9}}, "w"},
      {"embedding_bag",
       "[{eval: {expr: \"cumsum(b, 0) - b\", as: o}}, {embedding_bag: {in: a, offsets: o, count: 5, dim: 3, "
       "mode: max, padding_idx: 1}}]",
       {{30}, {4}},
       "w"},
      {"transformer_decoder_layer",
       "[transformer_decoder_layer: {in: [a, b], heads: 2, hidden: 12}]",
       {{4, 5, 8}, {4, 6, 8}}},
      {"rnn_cell", "[rnn_cell: {in: [a, b], size: 5}]", {{4, 3}, {4, 5}}},
      {"lstm_cell",
       "[{lstm_cell: {in: [a, b, c], size: 5, as: [h, s]}}, {add: {in: [h, s]}}]",
       {{4, 3}, {4, 5}, {4, 5}}},
      {"gru_cell", "[gru_cell: {in: [a, b], size: 5}]", {{4, 3}, {4, 5}}},
      {"cdist", "[cdist: {in: [a, b]}]", {{4, 5, 3}, {4, 6, 3}}},
      {"cdist", "[cdist: {in: [a, b], p: 0}]", {{4, 5, 3}, {4, 6, 3}}},
      {"cdist", "[cdist: {in: [a, b], p: 1}]", {{4, 5, 3}, {4, 6, 3}}},
      {"cdist", "[cdist: {in: [a, b], p: 2.5}]", {{4, 5, 3}, {4, 6, 3}}},
      {"fractional_max_pool2d",
       "[fractional_max_pool2d: {kernel: 2, output: 3}]",
       {{4, 3, 8, 8}},
       "",
       "random"},
      {"fractional_max_pool3d",
       "[fractional_max_pool3d: {kernel: 2, output: 2}]",
       {{2, 3, 5, 5, 5}},
       "",
       "random"},
      {"gumbel_softmax", "[gumbel_softmax]", {{4, 6}}, "", "random"},
      {"random_normal", "[random_normal: [3]]", {{4, 6}}, "", "random"},
      {"random_uniform", "[random_uniform: [3]]", {{4, 6}}, "", "random"},
      {"reparameterize", "[reparameterize: {in: [a, b], always: true}]", {{4, 5}, {4, 5}}, "", "random"},
      {"mixture_of_experts", "[mixture_of_experts: {experts: 3, hidden: 4}]", {{4, 6}}},
      {"mixture_of_experts",
       "{steps: [{mixture_of_experts: {experts: 5, hidden: 4, top_k: 2, out: 3, activation: silu, as: [y, "
       "b]}}], "
       "outputs: [y, b]}",
       {{4, 7, 6}}},
      {"mixture_of_experts",
       "{steps: [{mixture_of_experts: {experts: 2, hidden: 4, top_k: 2, activation: relu, as: [y, b]}}], "
       "outputs: [y, b]}",
       {{4, 6}}},
      {"graph_propagate", "[graph_propagate: {in: [a, b]}]", {{6, 3}, {7, 2}}, "fw"},
      {"graph_propagate", "[graph_propagate: {in: [a, b, c], normalize: row}]", {{6, 3}, {7, 2}, {7}}, "fwf"},
      {"graph_propagate",
       "[graph_propagate: {in: [a, b], normalize: row, self_loops: false}]",
       {{6, 3}, {7, 2}},
       "fw"},
      {"graph_propagate",
       "[graph_propagate: {in: [a, b, c], normalize: none, self_loops: false}]",
       {{6, 3}, {7, 2}, {7}},
       "fwf"},
      {"gcn_conv", "[gcn_conv: {in: [a, b], out: 2}]", {{6, 3}, {7, 2}}, "fw"},
      {"gcn_conv", "[gcn_conv: {in: [a, b], out: 4}]", {{6, 3}, {7, 2}}, "fw"},
      {"gcn_conv",
       "[{eval: {expr: \"c * c\", as: w}}, {gcn_conv: {in: [a, b, w], out: 4, bias: false}}]",
       {{6, 3}, {7, 2}, {7}},
       "fwf"},
      {"sage_conv", "[sage_conv: {in: [a, b], out: 4}]", {{6, 3}, {7, 2}}, "fw"},
      {"sage_conv", "[sage_conv: {in: [a, b], out: 2, normalize: true}]", {{6, 3}, {7, 2}}, "fw"},
      {"sage_conv", "[sage_conv: {in: [a, b], out: 2, aggregate: sum, bias: false}]", {{6, 3}, {7, 2}}, "fw"},
      {"sage_conv", "[sage_conv: {in: [a, b], out: 4, aggregate: max, root: false}]", {{6, 3}, {7, 2}}, "fw"},
      {"gat_conv", "[gat_conv: {in: [a, b], out: 4}]", {{6, 3}, {7, 2}}, "fw"},
      {"gat_conv", "[gat_conv: {in: [a, b], out: 4, heads: 3, self_loops: false}]", {{6, 3}, {7, 2}}, "fw"},
      {"gat_conv", "[gat_conv: {in: [a, b], out: 4, heads: 3, concat: false}]", {{6, 3}, {7, 2}}, "fw"},
      {"gin_conv", "[gin_conv: {in: [a, b], out: 4}]", {{6, 3}, {7, 2}}, "fw"},
      {"gin_conv", "[gin_conv: {in: [a, b], out: 4, train_eps: true, eps: 0.5}]", {{6, 3}, {7, 2}}, "fw"},
      {"graph_pool", "[graph_pool: {in: a, graph: b, count: 5}]", {{6, 3}, {6}}, "fw"},
      {"graph_pool", "[graph_pool: {in: a, graph: b, count: 7, reduce: sum}]", {{6, 3}, {6}}, "fw"},
      {"graph_pool", "[graph_pool: {in: a, graph: b, count: 5, reduce: max}]", {{6, 3}, {6}}, "fw"},
      {"graph_pool", "[{graph_pool: {in: a, graph: b, nodes: 3}}, {linear: 4}]", {{6, 3}, {6}}, "fw"},
      {"graph_pool",
       "[{graph_pool: {in: a, graph: b, nodes: 3, reduce: max}}, {linear: 4}]",
       {{6, 3}, {6}},
       "fw"},
  };
  return list;
}

/// Of the inputs' kinds: the last one goes on.
char kind_of(const Example& e, size_t input) {
  return e.kinds.empty() ? 'f' : e.kinds[std::min(input, e.kinds.size() - 1)];
}

DType dtype_of(char kind) {
  return kind == 'w' || kind == 'l' ? DType::kInt64 : kind == 'b' ? DType::kBool : DType::kFloat32;
}

Tensor value_of(char kind, const Shape& shape, uint32_t index) {
  RngKey key;
  key.seed = 5;
  key.index = index;
  if (kind == 'f') return uniform(shape, -1, 1, key);
  if (kind == 'l') return randint(1, 5, shape, key);
  return cast(randint(0, kind == 'w' ? 5 : 2, shape, key), dtype_of(kind));
}

/// The model of an example, with weights; nullptr where the example is wrong.
std::unique_ptr<model::Model> model_of(const Example& e) {
  std::vector<model::NamedSpec> inputs;
  for (size_t i = 0; i < e.inputs.size(); ++i) {
    const std::string name = e.inputs.size() == 1 ? "input" : std::string(1, static_cast<char>('a' + i));
    inputs.push_back({name, model::batch_spec(e.inputs[i], dtype_of(kind_of(e, i)))});
  }
  model::Built built = model::try_build(std::string("model: ") + e.yaml, inputs);
  if (!built.errors.empty()) {
    UNSCOPED_INFO(built.errors);
    FAIL_CHECK("the example is wrong");
    return nullptr;
  }
  built.model->materialize(3);
  return std::move(built.model);
}

/// Runs the graph, the program and the model on a batch that is `more` larger than the example's.
void compare(const Example& e, model::Model& model, const graph::Session& session,
             const graph::Session& program, int64_t more) {
  std::map<std::string, graph::Value> values;
  std::vector<Tensor> tensors;
  for (size_t i = 0; i < e.inputs.size(); ++i) {
    Shape shape = e.inputs[i];
    shape[0] += more;
    tensors.push_back(value_of(kind_of(e, i), shape, static_cast<uint32_t>(i)));
    values[model.inputs()[i].name] = graph::Value(tensors.back());
  }
  const NoGrad no_grad;
  nn::Context context;
  const Outputs expected = model.forward(context, tensors);
  const std::vector<graph::Value> found = session.run(values), same = program.run(values);
  for (size_t i = 0; i < found.size(); ++i) {
    const graph::Difference d = graph::compare(found[i], graph::Value(expected[i]), 1e-4, 1e-5);
    INFO("batch of " << tensors[0].dim(0) << ", output " << i << ": " << d.reason);
    CHECK(d.equal);
    CHECK(graph::compare(same[i], found[i], 0, 0).equal);
  }
}

/// Exports an example, compares what it gives on batches of two sizes, and counts the operators of the graph.
std::map<std::string, int> check_export(const Example& e) {
  INFO(e.layer << ": " << e.yaml);
  std::map<std::string, int> operators;
  const std::unique_ptr<model::Model> model = model_of(e);
  if (model == nullptr) return operators;
  try {
    const graph::Model exported = deploy::to_graph(*model, "m");
    for (const graph::Node& n : exported.graph.nodes) ++operators[n.op];
    const graph::Session session(io::parse_onnx(io::to_onnx(exported), "m.onnx"));
    const graph::Session program(io::parse_program(io::to_program(exported), "m.dlb"));
    for (const int64_t more : {0, 3}) compare(e, *model, session, program, more);
  } catch (const Error& error) {
    FAIL_CHECK(error.report());
  }
  return operators;
}

}  // namespace

TEST_CASE("layers are exported and give what they give", "[deploy]") {
  for (const Example& e : examples()) {
    if (e.reason == nullptr) check_export(e);
  }
}

TEST_CASE("recurrent layers are ONNX's own operators", "[deploy]") {
  struct Case {
    Example example;
    std::map<std::string, int> operators;  ///< that many, and no Scan
  };
  const Shape x{4, 7, 3}, h{4, 5}, n{4};
  const std::vector<Case> cases = {
      {{"rnn", "[rnn: 5]", {x}}, {{"RNN", 1}}},
      {{"rnn", "[rnn: {size: 5, nonlinearity: relu, bidirectional: true}]", {x}}, {{"RNN", 1}}},
      {{"rnn", "[rnn: {size: 5, layers: 2, bias: false}]", {x}}, {{"RNN", 2}}},
      {{"gru", "[gru: 5]", {x}}, {{"GRU", 1}}},
      {{"gru", "[gru: {size: 5, bias: false}]", {x}}, {{"GRU", 1}}},
      {{"gru", "[gru: {size: 5, layers: 2, bidirectional: true}]", {x}}, {{"GRU", 2}, {"Concat", 0}}},
      {{"lstm", "[lstm: 5]", {x}}, {{"LSTM", 1}}},
      {{"lstm", "[lstm: {size: 5, bias: false}]", {x}}, {{"LSTM", 1}}},
      {{"lstm", "[lstm: {size: 5, layers: 2, bidirectional: true}]", {x}}, {{"LSTM", 2}, {"Concat", 0}}},
      // Behind a table of fewer rows than half of the inputs the layer is traced in another way.
      {{"lstm", "[{embedding: {count: 5, dim: 4}}, {lstm: {size: 5, bidirectional: true}}]", {{4, 9}}, "w"},
       {{"LSTM", 1}}},
      {{"gru", "[{embedding: {count: 50, dim: 4}}, {gru: 5}]", {{4, 9}}, "w"}, {{"GRU", 1}}},
      // Final states, with and without lengths.
      {{"lstm",
        "{inputs: {a: 'float[N,7,3]'}, steps: [{lstm: {in: a, size: 5, layers: 2, bidirectional: true, "
        "as: [y, h, c]}}], outputs: [y, h, c]}",
        {x}},
       {{"LSTM", 2}}},
      {{"gru",
        "{steps: [{gru: {in: a, lengths: b, size: 5, bidirectional: true, as: [y, h]}}], outputs: [y, h]}",
        {x, n},
        "fl"},
       {{"GRU", 1}}},
      {{"rnn", "{steps: [{rnn: {in: a, lengths: b, size: 5, as: [y, h]}}], outputs: [y, h]}", {x, n}, "fl"},
       {{"RNN", 1}}},
      {{"lstm",
        "{steps: [{lstm: {in: a, lengths: b, size: 5, layers: 2, bidirectional: true, as: [y, h, c]}}], "
        "outputs: [y, h, c]}",
        {x, n},
        "fl"},
       {{"LSTM", 2}}},
      // Initial states.
      {{"gru", "[gru: {in: [a, b], size: 5}]", {x, h}}, {{"GRU", 1}}},
      {{"lstm", "{steps: [{lstm: {in: [a, b, c], size: 5, as: [y, h, d]}}], outputs: [y, h, d]}", {x, h, h}},
       {{"LSTM", 1}}},
  };
  for (const Case& c : cases) {
    INFO(c.example.layer << ": " << c.example.yaml);
    std::map<std::string, int> found = check_export(c.example);
    CHECK(found["Scan"] == 0);
    for (const auto& [op, count] : c.operators) {
      INFO(op);
      CHECK(found[op] == count);
    }
  }
}

TEST_CASE("layers that ONNX cannot say are refused with the reason", "[deploy]") {
  for (const Example& e : examples()) {
    if (e.reason == nullptr) continue;
    INFO(e.layer << ": " << e.yaml);
    const std::unique_ptr<model::Model> model = model_of(e);
    if (model != nullptr) CHECK_THROWS_WITH(deploy::to_graph(*model, "m"), Catch::Contains(e.reason));
  }
}

TEST_CASE("every layer has an example of its export", "[deploy]") {
  std::set<std::string> shown;
  for (const Example& e : examples()) shown.insert(e.layer);
  for (const nn::LayerType& type : nn::layer_types()) {
    INFO(type.name);
    CHECK(shown.count(type.name) > 0);
  }
}

TEST_CASE("recurrent networks that ONNX's operators cannot say are a Scan", "[deploy]") {
  const std::string parameters =
      "{parameter: {shape: [20, 3], as: w}}, {parameter: {shape: [20, 5], as: r}}, ";
  const Shape x{4, 7, 3}, n{4};
  // Weights that depend on the input, with lengths and without.
  const std::string inputs = "zeros([1, rows(a), 5])", rest = "false, 1, 0.0, false, false, true";
  const std::string lstm = "{steps: [" + parameters + "{eval: {expr: \"lstm(a, [" + inputs + ", " + inputs +
                           "], [w * mean(a), r], " + rest +
                           ", lengths=b)\", as: [y, h, c]}}], outputs: [y, h, c]}";
  std::map<std::string, int> found = check_export({"lstm", lstm.c_str(), {x, n}, "fl"});
  CHECK(found["Scan"] == 1);
  CHECK(found["LSTM"] == 0);
  // The same weights as constants are taken in.
  std::string plain = lstm;
  plain.replace(plain.find("w * mean(a)"), 11, "w * 2");
  found = check_export({"lstm", plain.c_str(), {x, n}, "fl"});
  CHECK(found["Scan"] == 0);
  CHECK(found["LSTM"] == 1);
  // Runtimes have no kernels for float64.
  const std::string wide =
      "{steps: [{parameter: {shape: [15, 3], as: w}}, {parameter: {shape: [15, 5], as: r}}, "
      "{cast: {in: input, dtype: float64, as: x}}, {cast: {in: w, dtype: float64, as: v}}, "
      "{cast: {in: r, dtype: float64, as: s}}, {eval: {expr: \"zeros([1, rows(x), 5])\"}}, "
      "{cast: {dtype: float64, as: h}}, {eval: {expr: \"gru(x, h, [v, s], " +
      rest +
      ")\", as: [y, z]}}], "
      "outputs: [y, z]}";
  found = check_export({"gru", wide.c_str(), {x}});
  CHECK(found["Scan"] == 1);
  CHECK(found["GRU"] == 0);
}

}  // namespace dlb
