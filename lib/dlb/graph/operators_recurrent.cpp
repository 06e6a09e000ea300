// Recurrent networks of ONNX. What our kernels have goes to them; all else (other activations, clipping,
// peepholes) goes step by step.
#include <algorithm>
#include <cctype>
#include <functional>

#include "dlb/graph/operator.h"
#include "dlb/graph/optimize.h"
#include "dlb/graph/recurrent_weights.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/recurrent_defs.h"
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
  Tensor lengths;                       ///< int64 [N]; undefined where all sequences have all steps
  int64_t directions = 1, hidden = 0, gates = 1;
  bool reverse = false;  ///< the only direction
  bool batch_first = false;
  double clip = 0;  ///< 0: none
  bool input_forget = false, linear_before_reset = false;
  std::vector<std::string> names;  ///< of the activations, in lower case
  std::vector<Activation> activations;

  int64_t steps() const { return x.dim(0); }
  int64_t batch() const { return x.dim(1); }
  /// bool [T, N, 1]: steps within each sequence; undefined: all.
  Tensor active() const {
    if (!lengths.defined()) return {};
    const Tensor step = arange(0, static_cast<double>(steps()), 1, DType::kInt64);
    return lt(reshape(step, {steps(), 1, 1}), reshape(lengths, {1, batch(), 1}));
  }
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

/// Input 0, and how it lies.
void read_sequence(const Call& c, Recurrence& n) {
  const int64_t layout = c.attribute("layout", int64_t{0});
  if (layout != 0 && layout != 1) c.fail("layout must be 0 or 1, got {}", layout);
  n.batch_first = layout == 1;
  n.x = c.tensor(0);
  if (n.x.rank() != 3) c.fail("expects X of 3 dimensions, got {}", shape_text(n.x.shape()));
  if (n.batch_first) n.x = transpose(n.x, 0, 1);
}

/// The lengths at input `first`, after them the initial states.
void read_states(const Call& c, Recurrence& n, size_t first) {
  const auto state = [&](size_t i, const char* what) {
    const Shape shape{n.directions, n.batch(), n.hidden};
    if (!c.has(i)) return zeros(shape, n.x.dtype(), n.x.device());
    const Tensor s = n.batch_first && c.tensor(i).rank() == 3 ? transpose(c.tensor(i), 0, 1) : c.tensor(i);
    expect_shape(c, what, s, shape);
    return s;
  };
  n.h0 = state(first + 1, "initial_h");
  if (n.gates == 4) n.c0 = state(first + 2, "initial_c");
  if (!c.has(first)) return;
  const Tensor lengths = cast(c.tensor(first), DType::kInt64);
  expect_shape(c, "sequence_lens", lengths, {n.batch()});
  bool full_length = !lengths.is_meta();
  if (full_length) {
    for (const int64_t length : c.integers(first)) {
      if (length < 0 || length > n.steps()) c.fail("a sequence of {} steps, there are {}", length, n.steps());
      full_length = full_length && length == n.steps();
    }
  }
  if (!full_length) n.lengths = contiguous(lengths);
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
  read_sequence(c, n);
  n.w = c.tensor(1);
  n.r = c.tensor(2);
  if (n.w.rank() != 3 || n.r.rank() != 3)
    c.fail("expects W and R of 3 dimensions, got {} and {}", shape_text(n.w.shape()),
           shape_text(n.r.shape()));
  n.hidden = n.r.dim(2);
  if (n.hidden < 1 || n.hidden > int64_t{1} << 30 || c.attribute("hidden_size", n.hidden) != n.hidden)
    c.fail("hidden_size {} differs from that of R {}", c.attribute("hidden_size", n.hidden),
           shape_text(n.r.shape()));
  expect_shape(c, "W", n.w, {n.directions, gates * n.hidden, n.x.dim(2)});
  expect_shape(c, "R", n.r, {n.directions, gates * n.hidden, n.hidden});
  n.b = c.optional_tensor(3);
  if (n.b.defined()) expect_shape(c, "B", n.b, {n.directions, 2 * gates * n.hidden});
  if (gates == 4) {
    n.peephole = c.optional_tensor(7);
    if (n.peephole.defined()) expect_shape(c, "P", n.peephole, {n.directions, 3 * n.hidden});
  }
  read_states(c, n, 4);
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
    const Tensor none = zeros({}, n_.x.dtype(), n_.x.device()), all_active = n_.active();
    Tensors outputs(static_cast<size_t>(n_.steps()));
    for (int64_t i = 0; i < n_.steps(); ++i) {
      const int64_t t = backwards ? n_.steps() - 1 - i : i;
      Tensor next_c = c;
      Tensor next = step(select(inputs, 0, t), h, next_c);
      Tensor shown = next;
      if (all_active.defined()) {
        const Tensor active = select(all_active, 0, t);
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
  return n.clip == 0 && !n.input_forget && !n.peephole.defined();
}

/// Gates of one direction in the order that the kernels have.
Tensor reordered(const Tensor& rows, int64_t gates) {
  if (gates == 1) return rows;
  const std::vector<size_t> order =
      gates == 4 ? std::vector<size_t>{0, 2, 3, 1} : std::vector<size_t>{1, 0, 2};
  const std::vector<Tensor> given = chunk(rows, gates, 0);
  Tensors parts;
  for (const size_t i : order) parts.push_back(given[i]);
  return cat(parts, 0);
}

}  // namespace

KernelWeights kernel_weights(const Tensor& w, const Tensor& r, const Tensor& b, int64_t direction,
                             int64_t gates) {
  KernelWeights k{
      reordered(select(w, 0, direction), gates), reordered(select(r, 0, direction), gates), {}, {}};
  if (!b.defined()) return k;
  const std::vector<Tensor> biases = chunk(select(b, 0, direction), 2, 0);
  k.b_ih = reordered(biases[0], gates);
  k.b_hh = reordered(biases[1], gates);
  if (gates == 3) return k;
  k.b_ih = add(k.b_ih, k.b_hh);
  k.b_hh = Tensor();
  return k;
}

namespace {

/// `kept` says that the weights are constants, of which the product may keep its own form.
Outcome by_kernel(const Recurrence& n, const std::vector<KernelWeights>& weights, bool relu, bool kept) {
  Tensors y, h, c;
  for (int64_t d = 0; d < n.directions; ++d) {
    const KernelWeights& w = weights[static_cast<size_t>(d)];
    RecurrentAttrs attrs;
    attrs.reverse = n.reverse || d == 1;
    attrs.relu = relu;
    const Tensor inputs = w.product.defined() ? w.product
                          : kept              ? fused_linear(n.x, w.w_ih, w.b_ih, {}, {})
                                              : linear(n.x, w.w_ih, w.b_ih);
    const Tensor h0 = contiguous(select(n.h0, 0, d));
    const Tensor c0 = n.gates == 4 ? contiguous(select(n.c0, 0, d)) : Tensor();
    const Outputs out = n.gates == 4 ? apply(op::lstm_sequence(), {inputs, h0, w.w_hh, n.lengths, c0}, attrs)
                        : n.gates == 3
                            ? apply(op::gru_sequence(), {inputs, h0, w.w_hh, n.lengths, w.b_hh}, attrs)
                            : apply(op::rnn_sequence(), {inputs, h0, w.w_hh, n.lengths}, attrs);
    const int64_t last = attrs.reverse ? 0 : -1;
    const bool any = n.steps() > 0;
    h.push_back(any ? select(out[0], 0, last) : h0);
    if (n.gates == 4) c.push_back(any ? select(out[1], 0, last) : c0);
    const Tensor active = n.active();
    y.push_back(active.defined() ? where(active, out[0], zeros({}, n.x.dtype(), n.x.device())) : out[0]);
  }
  const auto joined = [](const Tensors& parts, int64_t dim) {
    return parts.size() == 1 ? unsqueeze(parts[0], dim) : stack(parts, dim);
  };
  return {joined(y, 1), joined(h, 0), c.empty() ? Tensor() : joined(c, 0)};
}

Outcome by_kernel(const Recurrence& n) {
  std::vector<KernelWeights> weights;
  for (int64_t d = 0; d < n.directions; ++d) weights.push_back(kernel_weights(n.w, n.r, n.b, d, n.gates));
  return by_kernel(n, weights, n.names[0] == "relu", false);
}

void give(Call& c, const Recurrence& n, const Outcome& o) {
  const auto state = [&](const Tensor& s) { return n.batch_first ? transpose(s, 0, 1) : s; };
  if (c.wants(0)) c.same_type(n.batch_first ? permute(o.y, {2, 0, 1, 3}) : o.y, 0);
  if (c.wants(1)) c.same_type(state(o.h), 1);
  if (n.gates == 4 && c.wants(2)) c.same_type(state(o.c), 2);
}

void run(Call& c, int64_t gates, const std::vector<std::string>& defaults) {
  const Recurrence n = read(c, gates, defaults);
  give(c, n, is_standard(n, defaults) ? by_kernel(n) : step_by_step(n));
}

/// What name_recurrent() of optimize() brings in: (x, lengths, h0, c0), then of each direction (product,
/// w_ih, w_hh, b_ih, b_hh); a product [T, N, G H] stands for w_ih x + b_ih, and the first of two for x too.
void fused_node(Call& c) {
  constexpr size_t kFirst = 4, kEach = 5;
  Recurrence n;
  n.gates = c.attribute("gates", int64_t{1});
  if (n.gates != 1 && n.gates != 3 && n.gates != 4) c.fail("expects 1, 3 or 4 gates, got {}", n.gates);
  n.reverse = c.attribute("reverse", int64_t{0}) != 0;
  n.directions = c.has(kFirst + kEach + 2) ? 2 : 1;
  read_sequence(c, n);
  std::vector<KernelWeights> weights;
  for (size_t at = kFirst; weights.size() < static_cast<size_t>(n.directions); at += kEach) {
    const Tensor r = c.tensor(at + 2);
    if (r.rank() != 2) c.fail("expects R of 2 dimensions, got {}", shape_text(r.shape()));
    n.hidden = r.dim(1);
    KernelWeights w{c.optional_tensor(at + 1), r, c.optional_tensor(at + 3), c.optional_tensor(at + 4)};
    if (c.has(at)) {
      w.product = c.tensor(at);
      if (w.product.rank() != 3)
        c.fail("expects products of 3 dimensions, got {}", shape_text(w.product.shape()));
      w.product = contiguous(n.batch_first ? transpose(w.product, 0, 1) : w.product);
      expect_shape(c, "a product", w.product, {n.steps(), n.batch(), r.dim(0)});
    } else {
      expect_shape(c, "W", c.tensor(at + 1), {r.dim(0), n.x.dim(2)});
    }
    weights.push_back(std::move(w));
  }
  read_states(c, n, 1);
  give(c, n, by_kernel(n, weights, c.attribute("relu", int64_t{0}) != 0, true));
}

void rnn_node(Call& c) { run(c, 1, {"tanh"}); }
void gru_node(Call& c) { run(c, 3, {"sigmoid", "tanh"}); }
void lstm_node(Call& c) { run(c, 4, {"sigmoid", "tanh", "tanh"}); }

constexpr Operator kOperators[] = {
    {"RNN", &rnn_node, 1, "", true, 3},
    {"GRU", &gru_node, 1, "", true, 3},
    {"LSTM", &lstm_node, 1, "", true, 3},
    {"FusedRecurrent", &fused_node, 1, kFusedDomain, true, 1},
};

}  // namespace

std::span<const Operator> recurrent_operators() { return kOperators; }

}  // namespace dlb::graph
