#pragma once
/// \file The operators behind recurrent.h, for backends: one layer in one direction, after the product of all
/// steps' inputs with W_ih.

#include "dlb/ops/recurrent.h"

namespace dlb {

struct RecurrentAttrs {
  bool reverse = false;  ///< from the last step to the first
  bool relu = false;     ///< rnn: relu instead of tanh
  static Fields fields();
};

namespace op {

// x [T, N, G H] holds W_ih x + biases, h0 and c0 are [N, H], w_hh [G H, H], lengths [N] of int64 or
// undefined. Beyond a sequence's length its states stay as they are.

/// (x, h0, w_hh, lengths) -> h [T, N, H].
const OpDef& rnn_sequence();
/// (g or undefined, h0, w_hh, lengths, h) -> gradients of x and h0.
const OpDef& rnn_sequence_grad();
/// (x, h0, w_hh, lengths, c0) -> (h, c [T, N, H], gates after their functions [T, N, 4 H]).
const OpDef& lstm_sequence();
/// (g of h, g of c, w_hh, lengths, c0, c, gates) -> gradients of x, h0 and c0; either g may be undefined.
const OpDef& lstm_sequence_grad();
/// (x, h0, w_hh, lengths, b_hh [3 H] or undefined) -> (h, [T, N, 4 H] with r, z, n and W_hn h + b_hn).
const OpDef& gru_sequence();
/// (g, h0, w_hh, lengths, h, gates) -> gradients of x, of W_hh h + b_hh [T, N, 3 H], and of h0.
const OpDef& gru_sequence_grad();

}  // namespace op

/// The same sequences and gradients from simple operators, in the outputs' order.
namespace recurrent_composed {
Outputs rnn(Inputs in, const RecurrentAttrs& a);
Outputs lstm(Inputs in, const RecurrentAttrs& a);
Outputs gru(Inputs in, const RecurrentAttrs& a);
/// Gradients of x and h0 (and of c0; gru: of W_hh h + b_hh before h0) for gradients of the outputs.
Outputs rnn_grad(Inputs in, const Tensor& g, const RecurrentAttrs& a);
Outputs lstm_grad(Inputs in, const Tensor& gh, const Tensor& gc, const RecurrentAttrs& a);
Outputs gru_grad(Inputs in, const Tensor& g, const RecurrentAttrs& a);
}  // namespace recurrent_composed

}  // namespace dlb
