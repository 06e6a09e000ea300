// Cells and stacks of recurrent layers.
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/embedding.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/recurrent_defs.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/softmax.h"
#include "dlb/ops/unary.h"

namespace dlb {
namespace {

enum class Kind { kRnnTanh, kRnnRelu, kLstm, kGru };

const char* kind_name(Kind kind) {
  constexpr const char* kNames[] = {"rnn_tanh", "rnn_relu", "lstm", "gru"};
  return kNames[static_cast<int>(kind)];
}
int64_t gate_count(Kind kind) { return kind == Kind::kLstm ? 4 : kind == Kind::kGru ? 3 : 1; }

struct Layer {
  Tensor output, h, c;
};

/// Inputs of a layer: x [T, N, I]; with a table [V, I], x [T, N] are numbers of its rows.
struct Sequence {
  Tensor x;
  Tensor table = {};
  int64_t steps() const { return x.dim(0); }
  int64_t batch() const { return x.dim(1); }
  const Tensor& values() const { return table.defined() ? table : x; }
  int64_t features() const { return values().dim(-1); }
  /// W x + b of each input.
  Tensor product(const Tensor& w, const Tensor& b) const {
    const Tensor y = linear(values(), w, b);
    return table.defined() ? embedding(y, x) : y;
  }
};

Tensor both(const Tensor& a, const Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() ? a : b;
  return add(a, b);
}

void check_weights(Kind kind, const RecurrentWeights& w, int64_t in, int64_t hidden) {
  const int64_t rows = gate_count(kind) * hidden;
  const int64_t state = w.w_hr.defined() ? w.w_hr.dim(0) : hidden;
  const auto expect = [&](const char* name, const Tensor& t, const Shape& shape) {
    if (!t.defined() || t.shape() == shape) return;
    fail(ErrorKind::kShape, "{} expects {} {}, got {}", kind_name(kind), name, shape_text(shape),
         shape_text(t.shape()));
  };
  expect("w_ih", w.w_ih, {rows, in});
  expect("w_hh", w.w_hh, {rows, state});
  expect("b_ih", w.b_ih, {rows});
  expect("b_hh", w.b_hh, {rows});
  expect("w_hr", w.w_hr, {state, hidden});
}

int64_t hidden_size(Kind kind, const RecurrentWeights& w) {
  if (!w.w_ih.defined() || !w.w_hh.defined()) {
    fail(ErrorKind::kShape, "{} expects the weights w_ih and w_hh", kind_name(kind));
  }
  if (w.w_hr.defined() && kind != Kind::kLstm) {
    fail(ErrorKind::kUnsupported, "{} takes no projection of the state", kind_name(kind));
  }
  if (w.w_hr.defined() && w.w_hr.rank() != 2) {
    fail(ErrorKind::kShape, "{} expects w_hr [P, H], got {}", kind_name(kind), shape_text(w.w_hr.shape()));
  }
  if (w.w_ih.rank() != 2 || w.w_ih.dim(0) % gate_count(kind) != 0) {
    fail(ErrorKind::kShape, "{} expects w_ih [{} H, I], got {}", kind_name(kind), gate_count(kind),
         shape_text(w.w_ih.shape()));
  }
  return w.w_ih.dim(0) / gate_count(kind);
}

/// The i-th of the gates side by side.
Tensor gate(const Tensor& all, int64_t i, int64_t count) {
  const int64_t size = all.dim(-1) / count;
  return narrow(all, -1, i * size, size);
}

LstmState lstm_step(const Tensor& gates, const Tensor& c, const Tensor& w_hr) {
  const Tensor next =
      add(mul(sigmoid(gate(gates, 1, 4)), c), mul(sigmoid(gate(gates, 0, 4)), tanh(gate(gates, 2, 4))));
  const Tensor h = mul(sigmoid(gate(gates, 3, 4)), tanh(next));
  return {w_hr.defined() ? linear(h, w_hr) : h, next};
}

/// Zeros beyond the lengths; x [T, N, *].
Tensor cut(const Tensor& x, const Tensor& lengths) {
  if (!lengths.defined()) return x;
  const Tensor time = arange(0, static_cast<double>(x.dim(0)), 1, DType::kInt64, x.device());
  const Tensor running = unsqueeze(lt(unsqueeze(time, 1), lengths), 2);
  return where(running, x, full({}, 0, x.dtype(), x.device()));
}

/// An LSTM whose state is projected, step by step.
Layer projected_lstm(const Tensor& gates, Tensor h, Tensor c, const RecurrentWeights& w,
                     const Tensor& lengths, bool reverse) {
  const int64_t steps = gates.dim(0);
  std::vector<Tensor> outputs(static_cast<size_t>(steps));
  for (int64_t k = 0; k < steps; ++k) {
    const int64_t t = reverse ? steps - 1 - k : k;
    LstmState next = lstm_step(add(select(gates, 0, t), linear(h, w.w_hh)), c, w.w_hr);
    if (lengths.defined()) {
      const Tensor running = unsqueeze(gt(lengths, static_cast<double>(t)), 1);
      next = {where(running, next.h, h), where(running, next.c, c)};
    }
    outputs[static_cast<size_t>(t)] = h = next.h;
    c = next.c;
  }
  return {steps > 0 ? cut(stack(outputs, 0), lengths) : zeros({0, h.dim(0), h.dim(1)}, h.dtype(), h.device()),
          h, c};
}

/// One layer in one direction.
Layer run_layer(Kind kind, const Sequence& x, const Tensor& h0, const Tensor& c0, const RecurrentWeights& w,
                const Tensor& lengths, bool reverse) {
  check_weights(kind, w, x.features(), hidden_size(kind, w));
  RecurrentAttrs attrs;
  attrs.reverse = reverse;
  attrs.relu = kind == Kind::kRnnRelu;
  if (kind == Kind::kGru) {
    const Tensor gates = x.product(w.w_ih, w.b_ih);
    const Tensor h = apply(op::gru_sequence(), {gates, h0, w.w_hh, lengths, w.b_hh}, attrs)[0];
    if (x.steps() == 0) return {h, h0, {}};
    return {cut(h, lengths), select(h, 0, reverse ? 0 : -1), {}};
  }
  const Tensor gates = x.product(w.w_ih, both(w.b_ih, w.b_hh));
  if (kind != Kind::kLstm) {
    const Tensor h = apply(op::rnn_sequence(), {gates, h0, w.w_hh, lengths}, attrs)[0];
    if (x.steps() == 0) return {h, h0, {}};
    return {cut(h, lengths), select(h, 0, reverse ? 0 : -1), {}};
  }
  if (w.w_hr.defined()) return projected_lstm(gates, h0, c0, w, lengths, reverse);
  const Outputs out = apply(op::lstm_sequence(), {gates, h0, w.w_hh, lengths, c0}, attrs);
  if (x.steps() == 0) return {out[0], h0, c0};
  return {cut(out[0], lengths), select(out[0], 0, reverse ? 0 : -1), select(out[1], 0, reverse ? 0 : -1)};
}

/// The n-th initial state, zeros where there is none.
Tensor initial(Kind kind, const Tensor& states, size_t n, const Sequence& x, int64_t size, size_t count) {
  const int64_t batch = x.batch();
  if (!states.defined()) return zeros({batch, size}, x.values().dtype(), x.values().device());
  const Shape expected{static_cast<int64_t>(count), batch, size};
  if (!(states.shape() == expected)) {
    fail(ErrorKind::kShape, "{} expects initial states {}, got {}", kind_name(kind), shape_text(expected),
         shape_text(states.shape()));
  }
  return select(states, 0, static_cast<int64_t>(n));
}

Tensor checked_lengths(Kind kind, const Tensor& lengths, const Sequence& x) {
  if (!lengths.defined()) return lengths;
  if (!is_integral(lengths.dtype())) {
    fail(ErrorKind::kDtype, "{} expects integer lengths, got {}", kind_name(kind),
         dtype_name(lengths.dtype()));
  }
  if (lengths.rank() != 1 || lengths.dim(0) != x.batch()) {
    fail(ErrorKind::kShape, "{} expects {} lengths, got {}", kind_name(kind), x.batch(),
         shape_text(lengths.shape()));
  }
  if (!lengths.is_meta()) {
    for (const int64_t n : lengths.to_vector<int64_t>()) {
      if (n < 0 || n > x.steps()) {
        fail(ErrorKind::kData, "{} expects lengths from 0 to {}, got {}", kind_name(kind), x.steps(), n);
      }
    }
  }
  return contiguous(cast(lengths, DType::kInt64));
}

RecurrentResult run(Kind kind, const Tensor& input, const Tensor& h0, const Tensor& c0,
                    const std::vector<RecurrentWeights>& weights, const RecurrentOptions& o) {
  const size_t directions = o.bidirectional ? 2 : 1;
  if (weights.empty() || weights.size() % directions != 0) {
    fail(ErrorKind::kShape, "{} expects weights for each layer and direction, got {}", kind_name(kind),
         weights.size());
  }
  if (!(o.dropout >= 0 && o.dropout <= 1)) {
    fail(ErrorKind::kConfig, "{} expects a dropout probability from 0 to 1, got {}", kind_name(kind),
         o.dropout);
  }
  const int64_t rank = o.table.defined() ? 2 : 3;
  const bool single = input.rank() == rank - 1;
  if (input.rank() != rank && !single) {
    fail(ErrorKind::kShape, "{} expects input {}, got {}", kind_name(kind),
         o.table.defined() ? "[T, N] or [T] of a table's rows" : "[T, N, I] or [T, I]",
         shape_text(input.shape()));
  }
  Sequence x{single ? unsqueeze(input, 1) : o.batch_first ? transpose(input, 0, 1) : input, o.table};
  if (x.table.defined() && x.table.rank() != 2) {
    fail(ErrorKind::kShape, "{} expects a table [rows, I], got {}", kind_name(kind),
         shape_text(x.table.shape()));
  }
  // A lookup of the products costs about as much as half a product of as many rows.
  if (x.table.defined() && 2 * x.table.dim(0) > x.x.numel()) x = {embedding(x.table, x.x)};
  const auto states = [&](const Tensor& s) { return single && s.defined() ? unsqueeze(s, 1) : s; };
  const Tensor h_all = states(h0);
  const Tensor c_all = states(c0);
  const Tensor lengths = checked_lengths(kind, o.lengths, x);
  std::vector<Tensor> h;
  std::vector<Tensor> c;
  for (size_t first = 0; first < weights.size(); first += directions) {
    if (first > 0 && o.dropout > 0) {
      RngKey key = o.key;
      key.index += static_cast<uint32_t>(first / directions - 1);
      x = {dropout(x.x, o.dropout, key)};
    }
    std::vector<Tensor> outputs;
    for (size_t n = first; n < first + directions; ++n) {
      const RecurrentWeights& w = weights[n];
      const int64_t hidden = hidden_size(kind, w);
      const int64_t state = w.w_hr.defined() ? w.w_hr.dim(0) : hidden;
      const Tensor h_first = initial(kind, h_all, n, x, state, weights.size());
      const Tensor c_first =
          kind == Kind::kLstm ? initial(kind, c_all, n, x, hidden, weights.size()) : Tensor{};
      const Layer layer = run_layer(kind, x, h_first, c_first, w, lengths, n > first);
      outputs.push_back(layer.output);
      h.push_back(layer.h);
      if (layer.c.defined()) c.push_back(layer.c);
    }
    x = {directions == 2 ? cat(outputs, 2) : outputs[0]};
  }
  RecurrentResult result;
  result.output = single ? squeeze(x.x, 1) : o.batch_first ? transpose(x.x, 0, 1) : x.x;
  const auto joined = [&](const std::vector<Tensor>& s) {
    const Tensor all = stack(s, 0);
    return single ? squeeze(all, 1) : all;
  };
  result.h = joined(h);
  if (!c.empty()) result.c = joined(c);
  return result;
}

/// One state for each row of x: no broadcasting.
void check_state(Kind kind, const Tensor& x, const Tensor& state, int64_t size) {
  Shape expected = x.shape();
  expected.back() = size;
  if (state.shape() == expected) return;
  fail(ErrorKind::kShape, "{}_cell expects a state {} for input {}, got {}", kind_name(kind),
       shape_text(expected), shape_text(x.shape()), shape_text(state.shape()));
}

/// W_ih x + b_ih and W_hh h + b_hh, after a check.
struct Sums {
  Tensor x, h;
};
Sums cell_sums(Kind kind, const Tensor& x, const Tensor& h, const RecurrentWeights& w) {
  if (x.rank() < 1 || x.rank() > 2 || h.rank() != x.rank()) {
    fail(ErrorKind::kShape, "{}_cell expects input [N, I] and state [N, H] or both without N, got {} and {}",
         kind_name(kind), shape_text(x.shape()), shape_text(h.shape()));
  }
  check_weights(kind, w, x.dim(-1), hidden_size(kind, w));
  check_state(kind, x, h, w.w_hh.dim(1));
  return {linear(x, w.w_ih, w.b_ih), linear(h, w.w_hh, w.b_hh)};
}

}  // namespace

Tensor rnn_tanh_cell(const Tensor& x, const Tensor& h, const RecurrentWeights& w) {
  const Sums s = cell_sums(Kind::kRnnTanh, x, h, w);
  return tanh(add(s.x, s.h));
}
Tensor rnn_relu_cell(const Tensor& x, const Tensor& h, const RecurrentWeights& w) {
  const Sums s = cell_sums(Kind::kRnnRelu, x, h, w);
  return relu(add(s.x, s.h));
}
Tensor gru_cell(const Tensor& x, const Tensor& h, const RecurrentWeights& w) {
  const Sums s = cell_sums(Kind::kGru, x, h, w);
  const Tensor r = sigmoid(add(gate(s.x, 0, 3), gate(s.h, 0, 3)));
  const Tensor z = sigmoid(add(gate(s.x, 1, 3), gate(s.h, 1, 3)));
  const Tensor n = tanh(add(gate(s.x, 2, 3), mul(r, gate(s.h, 2, 3))));
  return add(n, mul(z, sub(h, n)));
}
LstmState lstm_cell(const Tensor& x, const Tensor& h, const Tensor& c, const RecurrentWeights& w) {
  const Sums s = cell_sums(Kind::kLstm, x, h, w);
  check_state(Kind::kLstm, x, c, hidden_size(Kind::kLstm, w));
  return lstm_step(add(s.x, s.h), c, w.w_hr);
}

RecurrentResult rnn_tanh(const Tensor& x, const Tensor& h0, const std::vector<RecurrentWeights>& weights,
                         const RecurrentOptions& options) {
  return run(Kind::kRnnTanh, x, h0, {}, weights, options);
}
RecurrentResult rnn_relu(const Tensor& x, const Tensor& h0, const std::vector<RecurrentWeights>& weights,
                         const RecurrentOptions& options) {
  return run(Kind::kRnnRelu, x, h0, {}, weights, options);
}
RecurrentResult gru(const Tensor& x, const Tensor& h0, const std::vector<RecurrentWeights>& weights,
                    const RecurrentOptions& options) {
  return run(Kind::kGru, x, h0, {}, weights, options);
}
RecurrentResult lstm(const Tensor& x, const Tensor& h0, const Tensor& c0,
                     const std::vector<RecurrentWeights>& weights, const RecurrentOptions& options) {
  return run(Kind::kLstm, x, h0, c0, weights, options);
}

}  // namespace dlb
