#pragma once
/// \file Recurrent networks: cells, and whole sequences with layers and directions.
///
/// With x_t the input, h the state before, sigma the logistic function:
///   rnn:  h' = tanh or relu (W_ih x + b_ih + W_hh h + b_hh)
///   lstm: i, f, g, o = W_ih x + b_ih + W_hh h + b_hh;  c' = sigma(f) c + sigma(i) tanh(g);
///         h' = sigma(o) tanh(c'), then W_hr h' with a projection
///   gru:  r, z = sigma(W_i x + b_i + W_h h + b_h);  n = tanh(W_in x + b_in + r (W_hn h + b_hn));
///         h' = (1 - z) n + z h
/// Rows of the weights are in that order of gates, as in PyTorch.

#include <vector>

#include "dlb/ops/op.h"
#include "dlb/tensor/random.h"

namespace dlb {

/// Weights of one layer in one direction. Shapes with G gates: w_ih [G H, I], w_hh [G H, P], biases [G H],
/// w_hr [P, H]; P = H without a projection.
struct RecurrentWeights {
  Tensor w_ih, w_hh;
  Tensor b_ih = {}, b_hh = {};  ///< undefined for none
  Tensor w_hr = {};             ///< lstm only: projects the state; undefined for none
};

/// One step. Shapes: x [N, I], h [N, H] -> [N, H]; or without N.
Tensor rnn_tanh_cell(const Tensor& x, const Tensor& h, const RecurrentWeights& w);
Tensor rnn_relu_cell(const Tensor& x, const Tensor& h, const RecurrentWeights& w);
Tensor gru_cell(const Tensor& x, const Tensor& h, const RecurrentWeights& w);
struct LstmState {
  Tensor h, c;
};
LstmState lstm_cell(const Tensor& x, const Tensor& h, const Tensor& c, const RecurrentWeights& w);

struct RecurrentOptions {
  bool bidirectional = false;
  bool batch_first = false;  ///< x and the output are [N, T, *]
  double dropout = 0;        ///< of the outputs of all layers but the last
  RngKey key = {};           ///< of the dropout
  /// [N] of integers: the steps of each sequence, at most T. Beyond them the output is 0, and final states
  /// are those after each sequence's last step. Undefined: all have T.
  Tensor lengths = {};
  /// [V, I]: x holds numbers of this table's rows, [T, N] (or [T]), and the input is embedding(table, x). Of
  /// a table with few rows each is multiplied by the weights once, not at each use.
  Tensor table = {};
};

struct RecurrentResult {
  Tensor output;  ///< [T, N, D P] of the last layer, the directions side by side
  Tensor h;       ///< final states [layers D, N, P]
  Tensor c;       ///< lstm: final cells [layers D, N, H]
};

/// Layers in order, the directions of a layer next to each other. Shapes: x [T, N, I] (or [T, I]), h0 [layers
/// D, N, P], c0 [layers D, N, H]; undefined initial states are 0. Errors: shape, dtype; data for a bad
/// length.
RecurrentResult rnn_tanh(const Tensor& x, const Tensor& h0, const std::vector<RecurrentWeights>& weights,
                         const RecurrentOptions& options = {});
RecurrentResult rnn_relu(const Tensor& x, const Tensor& h0, const std::vector<RecurrentWeights>& weights,
                         const RecurrentOptions& options = {});
RecurrentResult gru(const Tensor& x, const Tensor& h0, const std::vector<RecurrentWeights>& weights,
                    const RecurrentOptions& options = {});
RecurrentResult lstm(const Tensor& x, const Tensor& h0, const Tensor& c0,
                     const std::vector<RecurrentWeights>& weights, const RecurrentOptions& options = {});

}  // namespace dlb
