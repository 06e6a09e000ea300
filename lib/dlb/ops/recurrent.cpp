#include "dlb/ops/recurrent.h"

#include <array>

#include "dlb/ops/binary.h"
#include "dlb/ops/create.h"
#include "dlb/ops/elementwise.h"
#include "dlb/ops/families.h"
#include "dlb/ops/matmul.h"
#include "dlb/ops/recurrent_defs.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/unary.h"

namespace dlb {

Fields RecurrentAttrs::fields() {
  static const Field list[] = {
      field<&RecurrentAttrs::reverse>("reverse", "whether it runs from the last step to the first"),
      field<&RecurrentAttrs::relu>("relu", "whether a plain network uses relu instead of tanh")};
  return list;
}

namespace {

/// Checks of x (or of a [T, N, G H] in its place), the states and weights of `gates` gates.
void check_sequence(const Infer& c, const TensorSpec& h0, int w, int lengths, int64_t gates) {
  if (!is_floating(h0.dtype)) c.fail_dtype("expects a floating dtype, got {}", dtype_name(h0.dtype));
  if (h0.rank() != 2) c.fail_shape("expects states [N, H], got {}", shape_text(h0.shape));
  const Shape weights{gates * h0.dim(1), h0.dim(1)};
  if (!(c.input(w).shape == weights)) {
    c.fail_shape("expects recurrent weights {}, got {}", shape_text(weights), shape_text(c.input(w).shape));
  }
  if (c.input(w).dtype != h0.dtype) {
    c.fail_dtype("expects weights of {}, got {}", dtype_name(h0.dtype), dtype_name(c.input(w).dtype));
  }
  if (!c.has(lengths)) return;
  const TensorSpec& n = c.input(lengths);
  if (n.dtype != DType::kInt64) c.fail_dtype("expects lengths of int64, got {}", dtype_name(n.dtype));
  if (n.rank() != 1 || n.dim(0) != h0.dim(0)) {
    c.fail_shape("expects {} lengths, got {}", h0.dim(0), shape_text(n.shape));
  }
}

/// The same for a forward operator: (x, h0, w_hh, lengths, ...).
void check_inputs(const Infer& c, int64_t gates) {
  check_sequence(c, c.input(1), 2, 3, gates);
  const TensorSpec& x = c.input(0);
  const TensorSpec& h0 = c.input(1);
  c.same_dtype(0, 1);
  if (x.rank() != 3 || x.dim(1) != h0.dim(0) || x.dim(2) != gates * h0.dim(1)) {
    c.fail_shape("expects input [T, {}, {}], got {}", h0.dim(0), gates * h0.dim(1), shape_text(x.shape));
  }
}

Shape steps_of(const Infer& c, int64_t steps, const TensorSpec& h0, int64_t gates) {
  static_cast<void>(c);
  return {steps, h0.dim(0), gates * h0.dim(1)};
}

void infer_rnn(Infer& c, const RecurrentAttrs&) {
  check_inputs(c, 1);
  c.output(c.input(0).shape, c.input(0).dtype);
}
void infer_lstm(Infer& c, const RecurrentAttrs&) {
  check_inputs(c, 4);
  const TensorSpec& h0 = c.input(1);
  c.same_dtype(1, 4);
  if (!(c.input(4).shape == h0.shape)) {
    c.fail_shape("expects cells {}, got {}", shape_text(h0.shape), shape_text(c.input(4).shape));
  }
  const Shape states = steps_of(c, c.input(0).dim(0), h0, 1);
  c.output(states, h0.dtype);
  c.output(states, h0.dtype);
  c.output(c.input(0).shape, h0.dtype);
}
void infer_gru(Infer& c, const RecurrentAttrs&) {
  check_inputs(c, 3);
  const TensorSpec& h0 = c.input(1);
  if (c.has(4)) {
    c.same_dtype(1, 4);
    if (c.input(4).rank() != 1 || c.input(4).dim(0) != 3 * h0.dim(1)) {
      c.fail_shape("expects recurrent biases [{}], got {}", 3 * h0.dim(1), shape_text(c.input(4).shape));
    }
  }
  c.output(steps_of(c, c.input(0).dim(0), h0, 1), h0.dtype);
  c.output(steps_of(c, c.input(0).dim(0), h0, 4), h0.dtype);
}
void infer_rnn_grad(Infer& c, const RecurrentAttrs&) {
  check_sequence(c, c.input(1), 2, 3, 1);
  c.output(make_spec(c.input(4).shape, c.input(1).dtype, c.input(1).device));
  c.output(make_spec(c.input(1).shape, c.input(1).dtype, c.input(1).device));
}
void infer_lstm_grad(Infer& c, const RecurrentAttrs&) {
  check_sequence(c, c.input(4), 2, 3, 4);
  const TensorSpec& c0 = c.input(4);
  c.output(make_spec(c.input(6).shape, c0.dtype, c0.device));
  for (int i = 0; i < 2; ++i) c.output(make_spec(c0.shape, c0.dtype, c0.device));
}
void infer_gru_grad(Infer& c, const RecurrentAttrs&) {
  check_sequence(c, c.input(1), 2, 3, 3);
  const TensorSpec& h0 = c.input(1);
  const Shape gates = steps_of(c, c.input(4).dim(0), h0, 3);
  for (int i = 0; i < 2; ++i) c.output(make_spec(gates, h0.dtype, h0.device));
  c.output(make_spec(h0.shape, h0.dtype, h0.device));
}

/// The states before each step, [T N, H].
Tensor states_before(const Tensor& h0, const Tensor& h, bool reverse) {
  const int64_t steps = h.dim(0);
  const Tensor first = unsqueeze(h0, 0);
  const Tensor others = narrow(h, 0, reverse ? 1 : 0, steps - 1);
  return reshape(reverse ? cat({others, first}, 0) : cat({first, others}, 0), {-1, h.dim(2)});
}

/// Gradient of w_hh from that of W_hh h, for all steps at once.
Tensor weight_grad(const Tensor& g, const Tensor& before) {
  return matmul(transpose(reshape(g, {-1, g.dim(2)}), 0, 1), before);
}

bool no_steps(Vjp& c) { return c.input(0).dim(0) == 0; }

Tensor length_input(const Vjp& c) { return c.has(3) ? c.input(3) : Tensor{}; }

Inputs forward_inputs(const Vjp& c, std::array<Tensor, 5>& in) {
  for (int i = 0; i < 5; ++i) {
    if (c.has(i)) in[static_cast<size_t>(i)] = c.input(i);
  }
  return {in.data(), in.size()};
}

/// The states as a differentiable function where the gradient is differentiated.
Tensor states(const Vjp& c, Inputs in, const RecurrentAttrs& a,
              Outputs (*composed)(Inputs, const RecurrentAttrs&)) {
  return grad_enabled() ? composed(in, a)[0] : c.output(0);
}

void vjp_rnn(Vjp& c, const RecurrentAttrs& a) {
  if (!c.grad(0).defined() || no_steps(c)) return;
  std::array<Tensor, 5> store;
  const Inputs in = forward_inputs(c, store);
  const Outputs out = grad_enabled()
                          ? recurrent_composed::rnn_grad(in, c.grad(0), a)
                          : apply(op::rnn_sequence_grad(),
                                  {contiguous(c.grad(0)), in[1], in[2], length_input(c), c.output(0)}, a);
  if (c.needs(0)) c.input_grad(0, out[0]);
  if (c.needs(1)) c.input_grad(1, out[1]);
  if (c.needs(2)) {
    const Tensor h = states(c, in, a, &recurrent_composed::rnn);
    c.input_grad(2, weight_grad(out[0], states_before(in[1], h, a.reverse)));
  }
}

void vjp_lstm(Vjp& c, const RecurrentAttrs& a) {
  if ((!c.grad(0).defined() && !c.grad(1).defined()) || no_steps(c)) return;
  std::array<Tensor, 5> store;
  const Inputs in = forward_inputs(c, store);
  const auto dense = [](const Tensor& g) { return g.defined() ? contiguous(g) : g; };
  const Outputs out = grad_enabled() ? recurrent_composed::lstm_grad(in, c.grad(0), c.grad(1), a)
                                     : apply(op::lstm_sequence_grad(),
                                             {dense(c.grad(0)), dense(c.grad(1)), in[2], length_input(c),
                                              in[4], c.output(1), c.output(2)},
                                             a);
  if (c.needs(0)) c.input_grad(0, out[0]);
  if (c.needs(1)) c.input_grad(1, out[1]);
  if (c.needs(2)) {
    const Tensor h = states(c, in, a, &recurrent_composed::lstm);
    c.input_grad(2, weight_grad(out[0], states_before(in[1], h, a.reverse)));
  }
  if (c.needs(4)) c.input_grad(4, out[2]);
}

void vjp_gru(Vjp& c, const RecurrentAttrs& a) {
  if (!c.grad(0).defined() || no_steps(c)) return;
  std::array<Tensor, 5> store;
  const Inputs in = forward_inputs(c, store);
  const Outputs out =
      grad_enabled()
          ? recurrent_composed::gru_grad(in, c.grad(0), a)
          : apply(op::gru_sequence_grad(),
                  {contiguous(c.grad(0)), in[1], in[2], length_input(c), c.output(0), c.output(1)}, a);
  if (c.needs(0)) c.input_grad(0, out[0]);
  if (c.needs(1)) c.input_grad(1, out[2]);
  if (c.needs(2)) {
    const Tensor h = states(c, in, a, &recurrent_composed::gru);
    c.input_grad(2, weight_grad(out[1], states_before(in[1], h, a.reverse)));
  }
  if (c.needs(4)) c.input_grad(4, sum(out[1], {0, 1}));
}

/// The products with the recurrent weights; those of the gates' functions are few beside them.
Cost cost_sequence(Inputs in, Inputs out, const RecurrentAttrs&) {
  const Tensor& w = in[2];
  const Tensor& steps = out[0];
  const double rows = static_cast<double>(steps.dim(0) * steps.dim(1));
  return {2 * rows * static_cast<double>(w.numel()), moved_bytes(in, out)};
}

OpDef sequence(std::string_view name, std::string_view doc, void (*infer)(Infer&, const RecurrentAttrs&),
               void (*vjp)(Vjp&, const RecurrentAttrs&),
               Outputs (*reference)(Inputs, const RecurrentAttrs&)) {
  return define<RecurrentAttrs>({.name = name,
                                 .doc = doc,
                                 .infer = infer,
                                 .vjp = vjp,
                                 .saves = Saves::kBoth,
                                 .reference = reference,
                                 .cost = cost_sequence});
}
OpDef sequence_grad(std::string_view name, std::string_view doc,
                    void (*infer)(Infer&, const RecurrentAttrs&)) {
  return define<RecurrentAttrs>({.name = name, .doc = doc, .infer = infer, .cost = cost_sequence});
}

}  // namespace

namespace op {

const OpDef& rnn_sequence() {
  static const OpDef def = sequence("rnn_sequence", "plain recurrent layer over all steps", infer_rnn,
                                    vjp_rnn, recurrent_composed::rnn);
  return def;
}
const OpDef& rnn_sequence_grad() {
  static const OpDef def = sequence_grad("rnn_sequence_grad", "gradient of rnn_sequence", infer_rnn_grad);
  return def;
}
const OpDef& lstm_sequence() {
  static const OpDef def =
      sequence("lstm_sequence", "LSTM layer over all steps", infer_lstm, vjp_lstm, recurrent_composed::lstm);
  return def;
}
const OpDef& lstm_sequence_grad() {
  static const OpDef def = sequence_grad("lstm_sequence_grad", "gradient of lstm_sequence", infer_lstm_grad);
  return def;
}
const OpDef& gru_sequence() {
  static const OpDef def =
      sequence("gru_sequence", "GRU layer over all steps", infer_gru, vjp_gru, recurrent_composed::gru);
  return def;
}
const OpDef& gru_sequence_grad() {
  static const OpDef def = sequence_grad("gru_sequence_grad", "gradient of gru_sequence", infer_gru_grad);
  return def;
}

}  // namespace op

std::span<const OpDef* const> recurrent_ops() {
  static const OpDef* const list[] = {&op::rnn_sequence(),  &op::rnn_sequence_grad(),
                                      &op::lstm_sequence(), &op::lstm_sequence_grad(),
                                      &op::gru_sequence(),  &op::gru_sequence_grad()};
  return list;
}

}  // namespace dlb
