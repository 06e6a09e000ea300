// Recurrent layers in ONNX: its own operators, or a Scan over the steps.
#include <algorithm>
#include <optional>

#include "dlb/deploy/emit.h"
#include "dlb/ops/create.h"
#include "dlb/ops/create_defs.h"
#include "dlb/ops/recurrent_defs.h"
#include "dlb/ops/shape_defs.h"
#include "dlb/ops/shape_ops.h"

namespace dlb::deploy {

namespace {

using Nodes = OnnxBuilder::Nodes;

bool is(const Nodes& nodes, std::string_view op) {
  return !nodes.empty() && nodes[0]->op != nullptr && nodes[0]->op->name == op;
}

/// What ONNX calls a layer, with the places of our gates in its order.
struct Kind {
  std::string_view sequence;  ///< our operator
  const char* op;
  std::vector<size_t> order;
};

const Kind& kind_of(const TracedNode& node) {
  static const Kind kinds[] = {{"rnn_sequence", "RNN", {0}},
                               {"gru_sequence", "GRU", {1, 0, 2}},        // r z n -> z r h
                               {"lstm_sequence", "LSTM", {0, 3, 1, 2}}};  // i f g o -> i o f c
  return *std::find_if(std::begin(kinds), std::end(kinds),
                       [&](const Kind& k) { return k.sequence == node.op->name; });
}

/// One direction of a layer, with the product of its inputs, which the sequence operators come after.
struct Direction {
  const TracedNode* node = nullptr;
  int x = -1;      ///< [T, N, I], or with a table [T, N] of numbers of its rows
  int table = -1;  ///< [V, I], -1 for none
  int w_ih = -1, b_ih = -1, w_hh = -1, b_hh = -1;
  bool reverse = false;

  int h() const { return node->outputs[0]; }
  int lengths() const { return node->inputs[3]; }
  bool same_inputs(const Direction& other) const {
    return x == other.x && table == other.table && lengths() == other.lengths();
  }
};

/// The layers of a trace that ONNX's LSTM, GRU and RNN say. They do not say those
///  - whose weights are no constants, or whose product is wanted by others too,
///  - of whose cells more than the last are wanted,
///  - of float64 and bfloat16: runtimes, onnxruntime among them, have no kernels.
class Layers {
 public:
  explicit Layers(OnnxBuilder& b) : b_(b) {}

  std::optional<Direction> read(const Nodes& nodes) const {
    const TracedNode& node = *nodes[0];
    Direction d;
    d.node = &node;
    d.reverse = static_cast<const RecurrentAttrs*>(node.attrs.get())->reverse;
    const bool gru = kind_of(node).order.size() == 3, lstm = kind_of(node).order.size() == 4;
    const DType type = spec(node.inputs[1]).dtype;
    if (type != DType::kFloat32 && type != DType::kFloat16) return {};
    int product = node.inputs[0];
    Nodes maker = b_.maker(product);
    if (is(maker, "embedding")) {  // rows of the product with a table
      if (b_.readers(product).size() != 1) return {};
      d.x = source(maker[0]->inputs[1]);
      product = maker[0]->inputs[0];
      maker = b_.maker(product);
    }
    if (!is(maker, "linear") || b_.readers(product).size() != 1) return {};
    (d.x >= 0 ? d.table : d.x) = source(maker[0]->inputs[0]);
    if (spec(d.x).rank() != (d.table >= 0 ? 2 : 3)) return {};
    d.w_ih = maker[0]->inputs[1];
    d.b_ih = maker[0]->inputs.size() > 2 ? maker[0]->inputs[2] : -1;
    d.w_hh = node.inputs[2];
    d.b_hh = gru && node.inputs.size() > 4 ? node.inputs[4] : -1;
    for (const int value : {d.w_ih, d.b_ih, d.w_hh, d.b_hh}) {
      if (value >= 0 && !b_.is_fixed(value)) return {};
    }
    const bool gates_wanted =
        (lstm && !b_.readers(node.outputs[2]).empty()) || (gru && !b_.readers(node.outputs[1]).empty());
    if (gates_wanted || !sayable(d, d.h()) || (lstm && !last_only(d, node.outputs[1]))) return {};
    return d;
  }

  /// The layer's other direction, which comes later and may be said by the same operator.
  std::optional<Direction> other_direction(const Direction& d) const {
    if (!from_zeros(d)) return {};
    const auto consider = [&](int product) -> std::optional<Direction> {
      for (const Nodes& reader : b_.readers(product)) {
        if (!is(reader, d.node->op->name) || reader[0]->inputs[0] != product) continue;
        if (!b_.follows(*reader[0], *d.node) || b_.is_taken(*reader[0])) continue;
        std::optional<Direction> other = read(reader);
        if (other && other->reverse != d.reverse && other->same_inputs(d) && same_form(*other, d) &&
            from_zeros(*other))
          return other;
      }
      return {};
    };
    std::vector<int> same{d.x};
    for (size_t i = 0; i < same.size(); ++i) {
      for (const Nodes& reader : b_.readers(same[i])) {
        if (is(reader, "contiguous")) same.push_back(reader[0]->outputs[0]);
        if (!is(reader, d.table >= 0 ? "embedding" : "linear")) continue;
        if (const auto other = consider(reader[0]->outputs[0])) return other;
      }
    }
    return {};
  }

  /// Whether the layer starts with states of zero, which are ONNX's default.
  bool from_zeros(const Direction& d) const {
    return is_zero(d.node->inputs[1]) && (!is_lstm(d) || is_zero(d.node->inputs[4]));
  }
  bool is_zero(int value) const {
    const Nodes maker = b_.maker(value);
    return is(maker, "full") && static_cast<const FullAttrs*>(maker[0]->attrs.get())->fill_value == 0;
  }

  /// Whether a reader takes the step at which the direction ends, as [1, N, H].
  bool takes_last(const Direction& d, int value, const Nodes& reader) const {
    if (!is(reader, "slice")) return false;
    for (size_t k = 0; k < reader.size(); ++k) {
      const auto& a = *static_cast<const SliceAttrs*>(reader[k]->attrs.get());
      const int64_t at = d.reverse ? 0 : b_.dim(value, 0)[k] - 1;
      if (a.dim != 0 || a.start != at || a.end != at + 1) return false;
    }
    return true;
  }

  static bool is_lstm(const Direction& d) { return d.node->outputs.size() == 3; }
  const TensorSpec& spec(int value) const { return b_.trace().values[static_cast<size_t>(value)].spec; }

 private:
  /// The value that a copy in row-major order is of.
  int source(int value) const {
    for (Nodes maker = b_.maker(value); is(maker, "contiguous"); maker = b_.maker(value))
      value = maker[0]->inputs[0];
    return value;
  }
  /// Steps beyond a sequence's length are as the last one for us, and as it likes for ONNX: they may only be
  /// read by what cuts them off.
  bool sayable(const Direction& d, int h) const {
    const std::vector<Nodes>& readers = b_.readers(h);
    return d.lengths() < 0 || std::all_of(readers.begin(), readers.end(), [&](const Nodes& reader) {
             return takes_last(d, h, reader) ||
                    (is(reader, "where") && reader[0]->inputs[1] == h && reader[0]->inputs[2] != h &&
                     cuts(reader[0]->inputs[0], d.lengths()));
           });
  }
  /// Whether a condition is that a step is within the lengths.
  bool cuts(int condition, int lengths) const {
    Nodes maker = b_.maker(condition);
    while (is(maker, "reshape")) maker = b_.maker(maker[0]->inputs[0]);
    return is(maker, "lt") && maker[0]->inputs[1] == lengths;
  }
  bool last_only(const Direction& d, int value) const {
    const std::vector<Nodes>& readers = b_.readers(value);
    return std::all_of(readers.begin(), readers.end(),
                       [&](const Nodes& reader) { return takes_last(d, value, reader); });
  }
  bool same_form(const Direction& a, const Direction& b) const {
    return spec(a.w_ih).shape == spec(b.w_ih).shape && spec(a.w_hh).shape == spec(b.w_hh).shape &&
           static_cast<const RecurrentAttrs*>(a.node->attrs.get())->relu ==
               static_cast<const RecurrentAttrs*>(b.node->attrs.get())->relu;
  }

  OnnxBuilder& b_;
};

/// Writes one direction, or both, as an operator.
class LayerWriter {
 public:
  LayerWriter(Emit& e, const Layers& layers, std::vector<Direction> directions)
      : e_(e), b_(e.builder()), layers_(layers), directions_(std::move(directions)) {}

  void run() {
    const Direction& first = directions_[0];
    const Kind& kind = kind_of(*first.node);
    const int64_t count = static_cast<int64_t>(directions_.size());
    const int64_t hidden = layers_.spec(first.w_hh).shape[1];
    std::vector<std::string> inputs{
        sequence(), weights("W", &Direction::w_ih), weights("R", &Direction::w_hh), biases(), "", "", ""};
    if (first.lengths() >= 0) inputs[4] = e_.cast(b_.name_of(first.lengths()), DType::kInt32);
    inputs[5] = state(1);
    if (Layers::is_lstm(first)) inputs[6] = state(4);
    while (inputs.back().empty()) inputs.pop_back();
    std::vector<graph::Attribute> attributes{attribute("hidden_size", hidden),
                                             attribute("direction", count == 2      ? "bidirectional"
                                                                    : first.reverse ? "reverse"
                                                                                    : "forward")};
    if (kind.order.size() == 3) attributes.push_back(attribute("linear_before_reset", int64_t{1}));
    if (e_.attrs<RecurrentAttrs>().relu)
      attributes.push_back(attribute("activations", std::vector<std::string>(directions_.size(), "Relu")));
    const bool lstm = Layers::is_lstm(first);
    outputs_ = e_.add_many(kind.op, inputs, lstm ? 3 : 2, std::move(attributes));

    const std::vector<std::string> h = parts(outputs_[0], 1), last_h = parts(outputs_[1], 0);
    const std::vector<std::string> last_c = lstm ? parts(outputs_[2], 0) : std::vector<std::string>();
    for (size_t i = 0; i < directions_.size(); ++i) {
      const Direction& d = directions_[i];
      b_.set_name(d.h(), e_.add("Squeeze", {h[i], e_.ints({1})}));
      name_last(d, d.h(), last_h[i]);
      if (lstm) name_last(d, d.node->outputs[1], last_c[i]);
    }
    if (count == 2) name_joined(hidden);
  }

 private:
  std::string sequence() {
    const Direction& d = directions_[0];
    if (d.table < 0) return b_.name_of(d.x);
    return e_.add("Gather", {b_.name_of(d.table), b_.name_of(d.x)}, {attribute("axis", int64_t{0})});
  }

  Tensor constant(int value) const { return b_.trace().values[static_cast<size_t>(value)].constant; }
  /// Rows of the gates in ONNX's order.
  Tensor reordered(const Tensor& rows) const {
    const std::vector<size_t>& order = kind_of(*directions_[0].node).order;
    const std::vector<Tensor> gates = chunk(rows, static_cast<int64_t>(order.size()), 0);
    Tensors parts;
    for (const size_t i : order) parts.push_back(gates[i]);
    return cat(parts, 0);
  }
  std::string weights(const char* stem, int Direction::*value) {
    std::vector<int> values;
    for (const Direction& d : directions_) values.push_back(d.*value);
    return b_.made_constant(stem, values, [&] {
      Tensors all;
      for (const int v : values) all.push_back(reordered(constant(v)));
      return stack(all, 0);
    });
  }
  /// Those of the inputs and of the states side by side; "" where no direction has any.
  std::string biases() {
    std::vector<int> values;
    bool any = false;
    for (const Direction& d : directions_) {
      for (const int v : {d.b_ih, d.b_hh}) {
        values.push_back(v);
        any = any || v >= 0;
      }
    }
    if (!any) return "";
    return b_.made_constant("B", values, [&] {
      const TensorSpec& w = layers_.spec(directions_[0].w_hh);
      Tensors all;
      for (size_t i = 0; i < values.size(); i += 2) {
        Tensors both;
        for (const int v : {values[i], values[i + 1]})
          both.push_back(v < 0 ? zeros({w.shape[0]}, w.dtype) : reordered(constant(v)));
        all.push_back(cat(both, 0));
      }
      return stack(all, 0);
    });
  }
  /// An initial state; both directions only start with zeros.
  std::string state(size_t i) {
    const int value = directions_[0].node->inputs[i];
    if (layers_.is_zero(value)) return "";
    return e_.add("Unsqueeze", {b_.name_of(value), e_.ints({0})});
  }

  /// An output of all directions, by direction, whose dimension stays.
  std::vector<std::string> parts(const std::string& all, int64_t axis) {
    if (directions_.size() == 1) return {all};
    return e_.add_many("Split", {all, e_.ints({1, 1})}, 2, {attribute("axis", axis)});
  }
  void name_last(const Direction& d, int value, const std::string& name) {
    for (const Nodes& reader : b_.readers(value)) {
      if (!layers_.takes_last(d, value, reader)) continue;
      b_.set_name(reader[0]->outputs[0], name);
      b_.take(*reader[0]);
    }
  }
  /// The directions side by side, where that is how they are read.
  void name_joined(int64_t hidden) {
    const int forward = directions_[0].h(), backward = directions_[1].h();
    for (const Nodes& reader : b_.readers(forward)) {
      if (!is(reader, "cat") || reader[0]->inputs != std::vector<int>{forward, backward} ||
          static_cast<const CatAttrs*>(reader[0]->attrs.get())->dim != 2)
        continue;
      const std::string by_row =
          e_.add("Transpose", {outputs_[0]}, {attribute("perm", std::vector<int64_t>{0, 2, 1, 3})});
      b_.set_name(reader[0]->outputs[0], e_.add("Reshape", {by_row, e_.ints({0, 0, 2 * hidden})}));
      b_.take(*reader[0]);
    }
  }

  Emit& e_;
  OnnxBuilder& b_;
  const Layers& layers_;
  std::vector<Direction> directions_;  ///< forward first
  std::vector<std::string> outputs_;
};

/// Whether the layer was written as an operator.
bool layer(Emit& e) {
  const Layers layers(e.builder());
  const std::optional<Direction> own = layers.read(e.builder().maker(e.node().outputs[0]));
  if (!own) return false;
  std::vector<Direction> directions{*own};
  if (const std::optional<Direction> other = layers.other_direction(*own)) {
    e.builder().take(*other->node);
    directions.insert(own->reverse ? directions.begin() : directions.end(), *other);
  }
  LayerWriter(e, layers, std::move(directions)).run();
  return true;
}

/// A recurrent layer as a Scan over the steps: the inputs' part of the gates is there already.
class StepScan {
 public:
  StepScan(Emit& e, size_t states)
      : e_(e), states_(states), type_(e.out_spec().dtype), hidden_(e.spec(1).dim(1)) {}

  /// `step` makes the new states from the gates' inputs and the old states, while nodes go to the body.
  template <class F>
  void run(bool has_lengths, F&& step) {
    const bool reverse = e_.attrs<RecurrentAttrs>().reverse;
    auto body = std::make_shared<graph::Graph>();
    body->name = e_.builder().fresh("step");
    std::vector<std::string> outputs;
    {
      const OnnxBuilder::Into into(e_.builder(), *body);
      std::vector<std::string> state;
      for (size_t i = 0; i < states_; ++i) state.push_back(input(*body, "state", type_, 2));
      const std::string x = input(*body, "x", type_, 2);
      std::vector<std::string> next = step(x, state);
      if (has_lengths) {
        // Beyond a sequence's length its states stay as they are.
        const std::string time = input(*body, "time", DType::kInt64, 0);
        const std::string runs =
            e_.add("Unsqueeze", {e_.add("Less", {time, e_.in_as(3, DType::kInt64)}), e_.ints({1})});
        for (size_t i = 0; i < states_; ++i) next[i] = e_.add("Where", {runs, next[i], state[i]});
      }
      for (size_t round = 0; round < 2; ++round) {  // as states, then as what the step gives
        for (const std::string& name : next) output(*body, e_.add("Identity", {name}));
      }
    }
    std::vector<std::string> inputs;
    inputs.push_back(e_.in(1));
    if (states_ == 2) inputs.push_back(e_.in(4));
    inputs.push_back(e_.in(0));
    int64_t scanned = 1;
    if (has_lengths) {
      inputs.push_back(e_.add(
          "Range", {e_.number(0, DType::kInt64), e_.size_scalar(e_.dim(0, 0)), e_.number(1, DType::kInt64)}));
      scanned = 2;
    }
    const std::vector<int64_t> directions(static_cast<size_t>(scanned), reverse ? 1 : 0);
    const std::vector<int64_t> out_directions(states_, reverse ? 1 : 0);
    const std::vector<std::string> results =
        e_.add_many("Scan", inputs, 2 * states_,
                    {attribute("body", std::move(body)), attribute("num_scan_inputs", scanned),
                     attribute("scan_input_directions", directions),
                     attribute("scan_output_directions", out_directions)});
    for (size_t i = 0; i < states_; ++i) e_.output(results[states_ + i], i);
  }

  std::string gate(const std::string& all, int64_t i) {
    return e_.add("Slice", {all, e_.ints({i * hidden_}), e_.ints({(i + 1) * hidden_}), e_.ints({1})});
  }
  std::string recurrent(const std::string& h) {
    const std::string w = e_.add("Transpose", {e_.in(2)}, {attribute("perm", std::vector<int64_t>{1, 0})});
    return e_.add("MatMul", {h, w});
  }

 private:
  std::string input(graph::Graph& body, const char* stem, DType dtype, size_t rank) {
    graph::Declared d;
    d.name = e_.builder().fresh(stem);
    d.element = graph::element_of(dtype);
    d.shape.emplace(rank);
    body.inputs.push_back(d);
    return d.name;
  }
  void output(graph::Graph& body, const std::string& name) {
    graph::Declared d;
    d.name = name;
    d.element = graph::element_of(type_);
    d.shape.emplace(2);
    body.outputs.push_back(std::move(d));
  }

  Emit& e_;
  size_t states_;
  DType type_;
  int64_t hidden_;
};

void rnn_sequence(Emit& e) {
  if (layer(e)) return;
  StepScan r(e, 1);
  const char* activation = e.attrs<RecurrentAttrs>().relu ? "Relu" : "Tanh";
  r.run(e.has(3), [&](const std::string& x, const std::vector<std::string>& state) {
    return std::vector<std::string>{e.add(activation, {e.add("Add", {x, r.recurrent(state[0])})})};
  });
}

void lstm_sequence(Emit& e) {
  if (layer(e)) return;
  StepScan r(e, 2);
  r.run(e.has(3), [&](const std::string& x, const std::vector<std::string>& state) {
    const std::string all = e.add("Add", {x, r.recurrent(state[0])});
    const std::string in = e.add("Sigmoid", {r.gate(all, 0)}), forget = e.add("Sigmoid", {r.gate(all, 1)});
    const std::string cell = e.add("Tanh", {r.gate(all, 2)}), out = e.add("Sigmoid", {r.gate(all, 3)});
    const std::string c = e.add("Add", {e.add("Mul", {forget, state[1]}), e.add("Mul", {in, cell})});
    return std::vector<std::string>{e.add("Mul", {out, e.add("Tanh", {c})}), c};
  });
}

void gru_sequence(Emit& e) {
  if (layer(e)) return;
  StepScan r(e, 1);
  r.run(e.has(3), [&](const std::string& x, const std::vector<std::string>& state) {
    std::string m = r.recurrent(state[0]);
    if (e.has(4)) m = e.add("Add", {m, e.in(4)});
    const std::string reset = e.add("Sigmoid", {e.add("Add", {r.gate(x, 0), r.gate(m, 0)})});
    const std::string update = e.add("Sigmoid", {e.add("Add", {r.gate(x, 1), r.gate(m, 1)})});
    const std::string fresh =
        e.add("Tanh", {e.add("Add", {r.gate(x, 2), e.add("Mul", {reset, r.gate(m, 2)})})});
    const std::string kept = e.add("Mul", {update, e.add("Sub", {state[0], fresh})});
    return std::vector<std::string>{e.add("Add", {fresh, kept})};
  });
}

constexpr EmitterRow kRows[] = {
    {"rnn_sequence", &rnn_sequence},
    {"lstm_sequence", &lstm_sequence},
    {"gru_sequence", &gru_sequence},
};

}  // namespace

std::span<const EmitterRow> recurrent_emitters() { return kRows; }

}  // namespace dlb::deploy
