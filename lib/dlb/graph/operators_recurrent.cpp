// Recurrent networks of ONNX. What our kernels have goes to them; all else (other activations, clipping,
// peepholes, sequences of several lengths) goes step by step.
#include <algorithm>
#include <cctype>
#include <functional>

#include "dlb/graph/operator.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/recurrent.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb::graph {

namespace {

using Activation = std::function<Tensor(const Tensor&)>;

struct KnownActivation {
  const char* name;
  bool has_alpha, has_beta;
  double alpha, beta;
  Tensor (*apply)(const Tensor&, double, double);
};

constexpr KnownActivation kActivations[] = {
    {"sigmoid", false, false, 0, 0, [](const Tensor& x, double, double) { return sigmoid(x); }},
    {"tanh", false, false, 0, 0, [](const Tensor& x, double, double) { return tanh(x); }},
    {"relu", false, false, 0, 0, [](const Tensor& x, double, double) { return relu(x); }},
    {"softsign", false, false, 0, 0, [](const Tensor& x, double, double) { return softsign(x); }},
    {"softplus", false, false, 0, 0, [](const Tensor& x, double, double) { return softplus(x); }},
    {"affine", true, true, 1, 0, [](const Tensor& x, double a, double b) { return affine(x, a, b); }},
    {"leakyrelu", true, false, 0.01, 0, [](const Tensor& x, double a, double) { return leaky_relu(x, a); }},
    {"thresholdedrelu", true, false, 1, 0,
     [](const Tensor& x, double a, double) { return threshold(x, a, 0); }},
    {"scaledtanh", true, true, 1, 1,
     [](const Tensor& x, double a, double b) { return affine(tanh(affine(x, b, 0)), a, 0); }},
    {"hardsigmoid", true, true, 0.2, 0.5,
     [](const Tensor& x, double a, double b) { return clamp(affine(x, a, b), 0, 1); }},
    {"elu", true, false, 1, 0, [](const Tensor& x, double a, double) { return elu(x, a); }},
};

std::string lower(std::string text) {
  for (char& ch : text) ch = static_cast<char>(std::tolower(static_cast<unsigned char>(ch)));
  return text;
}

/// Inputs and attributes of a node, with time in front.
struct Recurrence {
  Tensor x, w, r, b, h0, c0, peephole;  ///< x [T, N, I]; states [D, N, H]; b and peephole may be undefined
  Tensor active;                        ///< bool [T, N, 1]: steps within each sequence; undefined: all
  int64_t directions = 1, hidden = 0, gates = 1;
  bool reverse = false;  ///< the only direction
  bool batch_first = false;
  double clip = 0;  ///< 0: none
  bool input_forget = false, linear_before_reset = false;
  std::vector<std::string> names;  ///< of the activations, in lower case
  std::vector<Activation> activations;

  int64_t steps() const { return x.dim(0); }
  int64_t batch() const { return x.dim(1); }
};

void read_activations(const Call& c, Recurrence& n, const std::vector<std::string>& defaults) {
  std::vector<std::string> names = c.strings("activations");
  if (names.empty()) {
    for (int64_t d = 0; d < n.directions; ++d) names.insert(names.end(), defaults.begin(), defaults.end());
  }
  // RNN's default names two, whatever the number of directions.
  const size_t needed = defaults.size() * static_cast<size_t>(n.directions);
  if (names.size() < needed) c.fail("needs {} activations, got {}", needed, names.size());
  names.resize(needed);
  const std::vector<float> alphas = c.floats("activation_alpha"), betas = c.floats("activation_beta");
  size_t alpha_at = 0, beta_at = 0;
  for (const std::string& given : names) {
    const std::string name = lower(given);
    const auto known = std::find_if(std::begin(kActivations), std::end(kActivations),
                                    [&](const KnownActivation& k) { return name == k.name; });
    if (known == std::end(kActivations)) c.unsupported("there is no activation '{}'", given);
    double alpha = known->alpha, beta = known->beta;
    if (known->has_alpha && alpha_at < alphas.size()) alpha = static_cast<double>(alphas[alpha_at++]);
    if (known->has_beta && beta_at < betas.size()) beta = static_cast<double>(betas[beta_at++]);
    n.names.push_back(name);
    n.activations.emplace_back(
        [f = known->apply, alpha, beta](const Tensor& x) { return f(x, alpha, beta); });
  }
}

void expect_shape(const Call& c, const char* what, const Tensor& t, const Shape& shape) {
  if (!(t.shape() == shape)) c.fail("{} must be {}, got {}", what, shape_text(shape), shape_text(t.shape()));
}

Recurrence read(const Call& c, int64_t gates, const std::vector<std::string>& defaults) {
  Recurrence n;
  n.gates = gates;
  const std::string direction = lower(c.attribute("direction", "forward"));
  if (direction != "forward" && direction != "foward" && direction != "reverse" &&
      direction != "bidirectional")
    c.fail("direction must be forward, reverse or bidirectional, got '{}'", direction);
  n.directions = direction == "bidirectional" ? 2 : 1;
  n.reverse = direction == "reverse";
  const int64_t layout = c.attribute("layout", int64_t{0});
  if (layout != 0 && layout != 1) c.fail("layout must be 0 or 1, got {}", layout);
  n.batch_first = layout == 1;
  n.x = c.tensor(0);
  n.w = c.tensor(1);
  n.r = c.tensor(2);
  if (n.x.rank() != 3 || n.w.rank() != 3 || n.r.rank() != 3)
    c.fail("expects X, W and R of 3 dimensions, got {}, {} and {}", shape_text(n.x.shape()),
           shape_text(n.w.shape()), shape_text(n.r.shape()));
  if (n.batch_first) n.x = transpose(n.x, 0, 1);
  n.hidden = n.r.dim(2);
  if (n.hidden < 1 || n.hidden > int64_t{1} << 30 || c.attribute("hidden_size", n.hidden) != n.hidden)
    c.fail("hidden_size {} differs from that of R {}", c.attribute("hidden_size", n.hidden),
           shape_text(n.r.shape()));
  expect_shape(c, "W", n.w, {n.directions, gates * n.hidden, n.x.dim(2)});
  expect_shape(c, "R", n.r, {n.directions, gates * n.hidden, n.hidden});
  n.b = c.optional_tensor(3);
  if (n.b.defined()) expect_shape(c, "B", n.b, {n.directions, 2 * gates * n.hidden});
  const auto state = [&](size_t i, const char* what) {
    const Shape shape{n.directions, n.batch(), n.hidden};
    if (!c.has(i)) return zeros(shape, n.x.dtype(), n.x.device());
    const Tensor s = n.batch_first && c.tensor(i).rank() == 3 ? transpose(c.tensor(i), 0, 1) : c.tensor(i);
    expect_shape(c, what, s, shape);
    return s;
  };
  n.h0 = state(5, "initial_h");
  if (gates == 4) {
    n.c0 = state(6, "initial_c");
    n.peephole = c.optional_tensor(7);
    if (n.peephole.defined()) expect_shape(c, "P", n.peephole, {n.directions, 3 * n.hidden});
  }
  if (c.has(4)) {
    const Tensor lengths = cast(c.tensor(4), DType::kInt64);
    expect_shape(c, "sequence_lens", lengths, {n.batch()});
    bool full_length = !lengths.is_meta();
    if (full_length) {
      for (const int64_t length : c.integers(4)) {
        if (length < 0 || length > n.steps())
          c.fail("a sequence of {} steps, there are {}", length, n.steps());
        full_length = full_length && length == n.steps();
      }
    }
    if (!full_length) {
      const Tensor step = reshape(arange(0, static_cast<double>(n.steps())), {n.steps(), 1, 1});
      n.active = lt(step, reshape(lengths, {1, n.batch(), 1}));
    }
  }
  n.clip = c.attribute("clip", 0.0);
  if (n.clip < 0) c.fail("clip must not be negative, got {}", n.clip);
  n.input_forget = c.attribute("input_forget", int64_t{0}) != 0;
  n.linear_before_reset = c.attribute("linear_before_reset", int64_t{0}) != 0;
  read_activations(c, n, defaults);
  return n;
}

/// Outputs of all steps [T, D, N, H] and final states [D, N, H].
struct Outcome {
  Tensor y, h, c;
};

/// One direction: its weights, and what a step does with the state.
class Direction {
 public:
  Direction(const Recurrence& n, int64_t d) : n_(n) {
    w_ = select(n.w, 0, d);
    r_ = select(n.r, 0, d);
    const int64_t size = n.gates * n.hidden;
    if (n.b.defined()) {
      const Tensor b = select(n.b, 0, d);
      input_bias_ = narrow(b, 0, 0, size);
      state_bias_ = narrow(b, 0, size, size);
    } else {
      input_bias_ = state_bias_ = zeros({size}, n.x.dtype(), n.x.device());
    }
    if (n.peephole.defined()) peephole_ = select(n.peephole, 0, d);
    const size_t count = n.activations.size() / static_cast<size_t>(n.directions);
    first_ = count * static_cast<size_t>(d);
  }

  Outcome run(int64_t d, bool backwards) {
    Tensor h = select(n_.h0, 0, d), c = n_.gates == 4 ? select(n_.c0, 0, d) : Tensor();
    const Tensor inputs = linear(n_.x, w_, input_bias_);
    const Tensor none = zeros({}, n_.x.dtype(), n_.x.device());
    Tensors outputs(static_cast<size_t>(n_.steps()));
    for (int64_t i = 0; i < n_.steps(); ++i) {
      const int64_t t = backwards ? n_.steps() - 1 - i : i;
      Tensor next_c = c;
      Tensor next = step(select(inputs, 0, t), h, next_c);
      Tensor shown = next;
      if (n_.active.defined()) {
        const Tensor active = select(n_.active, 0, t);
        shown = where(active, next, none);
        next = where(active, next, h);
        if (c.defined()) next_c = where(active, next_c, c);
      }
      h = next;
      c = next_c;
      outputs[static_cast<size_t>(t)] = shown;
    }
    const Shape empty{0, n_.batch(), n_.hidden};
    return {outputs.empty() ? zeros(empty, n_.x.dtype(), n_.x.device()) : stack(outputs, 0), h, c};
  }

 private:
  Tensor activated(size_t i, const Tensor& x) const {
    return n_.activations[first_ + i](n_.clip > 0 ? clamp(x, -n_.clip, n_.clip) : x);
  }
  Tensor part(const Tensor& x, int64_t gate) const { return narrow(x, -1, gate * n_.hidden, n_.hidden); }
  Tensor rows(const Tensor& x, int64_t gate, int64_t count = 1) const {
    return narrow(x, 0, gate * n_.hidden, count * n_.hidden);
  }

  Tensor step(const Tensor& input, const Tensor& h, Tensor& c) const {
    if (n_.gates == 1) return activated(0, add(input, linear(h, r_, state_bias_)));
    return n_.gates == 3 ? gru_step(input, h) : lstm_step(input, h, c);
  }

  /// Gates in the order update, reset, new.
  Tensor gru_step(const Tensor& input, const Tensor& h) const {
    const Tensor gates =
        add(narrow(input, -1, 0, 2 * n_.hidden), linear(h, rows(r_, 0, 2), rows(state_bias_, 0, 2)));
    const Tensor update = activated(0, part(gates, 0)), reset = activated(0, part(gates, 1));
    const Tensor weight = rows(r_, 2), bias = rows(state_bias_, 2);
    const Tensor state =
        n_.linear_before_reset ? mul(reset, linear(h, weight, bias)) : linear(mul(reset, h), weight, bias);
    const Tensor fresh = activated(1, add(part(input, 2), state));
    return add(fresh, mul(update, sub(h, fresh)));
  }

  /// Gates in the order input, output, forget, cell; peepholes input, output, forget.
  Tensor lstm_step(const Tensor& input, const Tensor& h, Tensor& c) const {
    const Tensor gates = add(input, linear(h, r_, state_bias_));
    const auto seen = [&](int64_t gate, const Tensor& cell) {
      const Tensor g = part(gates, gate);
      return peephole_.defined() ? add(g, mul(rows(peephole_, gate), cell)) : g;
    };
    const Tensor in = activated(0, seen(0, c));
    const Tensor forget = n_.input_forget ? affine(in, -1, 1) : activated(0, seen(2, c));
    c = add(mul(forget, c), mul(in, activated(1, part(gates, 3))));
    const Tensor out = activated(0, seen(1, c));
    return mul(out, n_.activations[first_ + 2](c));
  }

  const Recurrence& n_;
  Tensor w_, r_, input_bias_, state_bias_, peephole_;
  size_t first_ = 0;
};

Outcome step_by_step(const Recurrence& n) {
  Tensors y, h, c;
  for (int64_t d = 0; d < n.directions; ++d) {
    Outcome o = Direction(n, d).run(d, n.reverse || d == 1);
    y.push_back(o.y);
    h.push_back(o.h);
    if (o.c.defined()) c.push_back(o.c);
  }
  return {stack(y, 1), stack(h, 0), c.empty() ? Tensor() : stack(c, 0)};
}

/// Whether the kernels compute this.
bool is_standard(const Recurrence& n, const std::vector<std::string>& defaults) {
  for (size_t i = 0; i < n.names.size(); ++i) {
    const std::string& name = n.names[i];
    const bool relu_rnn = n.gates == 1 && name == "relu" && name == n.names[0];
    if (name != defaults[i % defaults.size()] && !relu_rnn) return false;
    if (n.gates == 1 && name != n.names[0]) return false;
  }
  if (n.gates == 3 && !n.linear_before_reset) return false;
  return n.clip == 0 && !n.input_forget && !n.peephole.defined() && !n.active.defined() && n.steps() > 0 &&
         n.batch() > 0;
}

/// Gates of one direction in the order that the kernels have.
Tensor reordered(const Tensor& rows, const std::vector<size_t>& order) {
  if (order.size() < 2) return rows;
  const std::vector<Tensor> gates = chunk(rows, static_cast<int64_t>(order.size()), 0);
  Tensors parts;
  for (const size_t i : order) parts.push_back(gates[i]);
  return cat(parts, 0);
}

Outcome by_kernel(const Recurrence& n) {
  const std::vector<size_t> order = n.gates == 4   ? std::vector<size_t>{0, 2, 3, 1}
                                    : n.gates == 3 ? std::vector<size_t>{1, 0, 2}
                                                   : std::vector<size_t>{0};
  std::vector<RecurrentWeights> weights;
  for (int64_t d = 0; d < n.directions; ++d) {
    RecurrentWeights w{reordered(select(n.w, 0, d), order), reordered(select(n.r, 0, d), order)};
    if (n.b.defined()) {
      const Tensor b = select(n.b, 0, d);
      const int64_t size = n.gates * n.hidden;
      w.b_ih = reordered(narrow(b, 0, 0, size), order);
      w.b_hh = reordered(narrow(b, 0, size, size), order);
    }
    weights.push_back(w);
  }
  RecurrentOptions options;
  options.bidirectional = n.directions == 2;
  const Tensor x = n.reverse ? flip(n.x, {0}) : n.x;
  RecurrentResult result;
  if (n.gates == 4) {
    result = lstm(x, n.h0, n.c0, weights, options);
  } else if (n.gates == 3) {
    result = gru(x, n.h0, weights, options);
  } else {
    result = n.names[0] == "relu" ? rnn_relu(x, n.h0, weights, options) : rnn_tanh(x, n.h0, weights, options);
  }
  Tensor y = permute(reshape(result.output, {n.steps(), n.batch(), n.directions, n.hidden}), {0, 2, 1, 3});
  if (n.reverse) y = flip(y, {0});
  return {y, result.h, result.c};
}

void run(Call& c, int64_t gates, const std::vector<std::string>& defaults) {
  const Recurrence n = read(c, gates, defaults);
  const Outcome o = is_standard(n, defaults) ? by_kernel(n) : step_by_step(n);
  const auto state = [&](const Tensor& s) { return n.batch_first ? transpose(s, 0, 1) : s; };
  if (c.wants(0)) c.same_type(n.batch_first ? permute(o.y, {2, 0, 1, 3}) : o.y, 0);
  if (c.wants(1)) c.same_type(state(o.h), 1);
  if (gates == 4 && c.wants(2)) c.same_type(state(o.c), 2);
}

void rnn_node(Call& c) { run(c, 1, {"tanh"}); }
void gru_node(Call& c) { run(c, 3, {"sigmoid", "tanh"}); }
void lstm_node(Call& c) { run(c, 4, {"sigmoid", "tanh", "tanh"}); }

constexpr Operator kOperators[] = {
    {"RNN", &rnn_node, 1, "", true, 3},
    {"GRU", &gru_node, 1, "", true, 3},
    {"LSTM", &lstm_node, 1, "", true, 3},
};

}  // namespace

std::span<const Operator> recurrent_operators() { return kOperators; }

}  // namespace dlb::graph
