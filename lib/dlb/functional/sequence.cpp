#include "dlb/functional/define.h"
#include "dlb/ops/attention.h"
#include "dlb/ops/multi_head.h"
#include "dlb/ops/recurrent.h"

namespace dlb::functional {

namespace {

Tensor tensor_of(const std::optional<Tensor>& t) { return t.value_or(Tensor()); }

Tensor attend(const Tensor& query, const Tensor& key, const Tensor& value, const Tensor& mask, double dropout,
              bool causal, std::optional<double> scale, bool enable_gqa, const RngKey& rng) {
  AttentionOptions o;
  o.mask = mask;
  o.dropout = dropout;
  o.key = rng;
  o.causal = causal;
  o.scale = scale;
  o.enable_gqa = enable_gqa;
  return scaled_dot_product_attention(query, key, value, o);
}

using Optional = std::optional<Tensor>;

std::pair<Tensor, Tensor> attend_heads(
    const Tensor& query, const Tensor& key, const Tensor& value, int64_t size, int64_t heads,
    const Optional& in_weight, const Optional& in_bias, const Optional& bias_k, const Optional& bias_v,
    bool add_zero_attn, double dropout, const Tensor& out_weight, const Optional& out_bias, bool training,
    const Optional& key_padding_mask, bool need_weights, const Optional& mask, bool separate,
    const Optional& q_weight, const Optional& k_weight, const Optional& v_weight, const Optional& static_k,
    const Optional& static_v, bool average, bool causal, const RngKey& rng) {
  if (query.rank() > 0 && query.dim(-1) != size) {
    fail(ErrorKind::kShape, "multi_head_attention_forward expects a query of {} features, got {}", size,
         shape_text(query.shape()));
  }
  if (causal && !mask) {
    fail(ErrorKind::kConfig,
         "multi_head_attention_forward expects attn_mask where is_causal says what it is");
  }
  MultiHeadWeights w;
  if (separate) {
    w.q_weight = tensor_of(q_weight);
    w.k_weight = tensor_of(k_weight);
    w.v_weight = tensor_of(v_weight);
  } else {
    w.in_weight = tensor_of(in_weight);
  }
  w.in_bias = tensor_of(in_bias);
  w.bias_k = tensor_of(bias_k);
  w.bias_v = tensor_of(bias_v);
  w.out_weight = out_weight;
  w.out_bias = tensor_of(out_bias);
  MultiHeadOptions o;
  o.heads = heads;
  o.add_zero_attn = add_zero_attn;
  o.dropout = training ? dropout : 0;
  o.key = rng;
  o.key_padding_mask = tensor_of(key_padding_mask);
  o.mask = tensor_of(mask);
  o.causal = causal;
  o.need_weights = need_weights;
  o.average_weights = average;
  o.static_k = tensor_of(static_k);
  o.static_v = tensor_of(static_v);
  const MultiHeadResult r = multi_head_attention(query, key, value, w, o);
  return {r.output, r.weights};
}

/// Weights of all layers and directions from one list: w_ih, w_hh, the biases if there are any, the
/// projection if there is one.
std::vector<RecurrentWeights> weights_of(const std::vector<Tensor>& params, bool biases, int64_t layers,
                                         bool bidirectional) {
  const int64_t given = static_cast<int64_t>(params.size());
  if (layers < 1 || layers > given) {
    fail(ErrorKind::kConfig, "recurrent layers expect weights for each, got {} layers and {} tensors", layers,
         given);
  }
  const int64_t count = layers * (bidirectional ? 2 : 1);
  const int64_t plain = biases ? 4 : 2;
  if (given != count * plain && given != count * (plain + 1)) {
    fail(ErrorKind::kConfig,
         "recurrent layers expect {} tensors of weights (or one more for each projection), got {}",
         count * plain, given);
  }
  const size_t each = static_cast<size_t>(given / count);
  std::vector<RecurrentWeights> all;
  for (size_t i = 0; i < params.size(); i += each) {
    RecurrentWeights w;
    w.w_ih = params[i];
    w.w_hh = params[i + 1];
    if (biases) {
      w.b_ih = params[i + 2];
      w.b_hh = params[i + 3];
    }
    if (each > static_cast<size_t>(plain)) w.w_hr = params[i + each - 1];
    all.push_back(w);
  }
  return all;
}

RecurrentOptions options_of(double dropout, bool train, bool bidirectional, bool batch_first,
                            const Tensor& lengths, const RngKey& rng) {
  RecurrentOptions o;
  o.bidirectional = bidirectional;
  o.batch_first = batch_first;
  o.dropout = train ? dropout : 0;
  o.key = rng;
  o.lengths = lengths;
  return o;
}

using Run = RecurrentResult (*)(const Tensor&, const Tensor&, const std::vector<RecurrentWeights>&,
                                const RecurrentOptions&);
template <Run kRun>
std::pair<Tensor, Tensor> run(const Tensor& x, const Tensor& h, const std::vector<Tensor>& params,
                              bool biases, int64_t layers, double dropout, bool train, bool bidirectional,
                              bool batch_first, const Tensor& lengths, const RngKey& rng) {
  const RecurrentResult r = kRun(x, h, weights_of(params, biases, layers, bidirectional),
                                 options_of(dropout, train, bidirectional, batch_first, lengths, rng));
  return {r.output, r.h};
}

using Cell = Tensor (*)(const Tensor&, const Tensor&, const RecurrentWeights&);
template <Cell kCell>
Tensor step(const Tensor& x, const Tensor& h, const Tensor& w_ih, const Tensor& w_hh, const Tensor& b_ih,
            const Tensor& b_hh) {
  return kCell(x, h, {w_ih, w_hh, b_ih, b_hh, {}});
}

template <Run kRun>
Function layers(std::string_view name, std::string_view doc) {
  return define(name, doc,
                {"input", "hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional",
                 "batch_first", "lengths = none", "seed = 0"},
                &run<kRun>);
}
template <Cell kCell>
Function cell(std::string_view name, std::string_view doc) {
  return define(name, doc, {"input", "hx", "w_ih", "w_hh", "b_ih = none", "b_hh = none"}, &step<kCell>);
}

void check_pair(const char* name, const std::vector<Tensor>& hx) {
  if (hx.size() == 2) return;
  fail(ErrorKind::kConfig, "{} expects hx of a state and a cell, got {} tensors", name, hx.size());
}

}  // namespace

std::vector<Function> sequence_functions() {
  return {
      define("scaled_dot_product_attention", "softmax(scale q k^T + mask) v",
             {"query", "key", "value", "attn_mask = none", "dropout_p = 0.0", "is_causal = false",
              "scale = none", "enable_gqa = false", "seed = 0"},
             &attend),
      define("multi_head_attention_forward", "attention of several heads with projections",
             {"query",
              "key",
              "value",
              "embed_dim_to_check",
              "num_heads",
              "in_proj_weight",
              "in_proj_bias",
              "bias_k",
              "bias_v",
              "add_zero_attn",
              "dropout_p",
              "out_proj_weight",
              "out_proj_bias",
              "training = true",
              "key_padding_mask = none",
              "need_weights = true",
              "attn_mask = none",
              "use_separate_proj_weight = false",
              "q_proj_weight = none",
              "k_proj_weight = none",
              "v_proj_weight = none",
              "static_k = none",
              "static_v = none",
              "average_attn_weights = true",
              "is_causal = false",
              "seed = 0"},
             &attend_heads),
      layers<rnn_tanh>("rnn_tanh", "plain recurrent layers with tanh"),
      layers<rnn_relu>("rnn_relu", "plain recurrent layers with relu"),
      layers<gru>("gru", "layers of gated recurrent units"),
      define(
          "lstm", "layers of long short-term memory",
          {"input", "hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional",
           "batch_first", "lengths = none", "seed = 0"},
          +[](const Tensor& x, const std::vector<Tensor>& hx, const std::vector<Tensor>& params, bool biases,
              int64_t count, double dropout, bool train, bool bidirectional, bool batch_first,
              const Tensor& lengths, const RngKey& rng) {
            check_pair("lstm", hx);
            const RecurrentResult r =
                lstm(x, hx[0], hx[1], weights_of(params, biases, count, bidirectional),
                     options_of(dropout, train, bidirectional, batch_first, lengths, rng));
            return std::tuple(r.output, r.h, r.c);
          }),
      cell<rnn_tanh_cell>("rnn_tanh_cell", "tanh(W_ih x + b_ih + W_hh h + b_hh)"),
      cell<rnn_relu_cell>("rnn_relu_cell", "relu(W_ih x + b_ih + W_hh h + b_hh)"),
      cell<gru_cell>("gru_cell", "one step of a gated recurrent unit"),
      define(
          "lstm_cell", "one step of long short-term memory",
          {"input", "hx", "w_ih", "w_hh", "b_ih = none", "b_hh = none"},
          +[](const Tensor& x, const std::vector<Tensor>& hx, const Tensor& w_ih, const Tensor& w_hh,
              const Tensor& b_ih, const Tensor& b_hh) {
            check_pair("lstm_cell", hx);
            const LstmState s = lstm_cell(x, hx[0], hx[1], {w_ih, w_hh, b_ih, b_hh, {}});
            return std::pair(s.h, s.c);
          }),
  };
}

}  // namespace dlb::functional
