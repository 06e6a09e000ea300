#pragma once
/// \file Weights of ONNX's recurrent networks as the kernels want them.

#include "dlb/tensor/tensor.h"

namespace dlb::graph {

/// One direction's weights in the kernels' order of gates: what RecurrentWeights says, but that an LSTM and a
/// plain network have all biases in b_ih.
struct KernelWeights {
  Tensor w_ih, w_hh, b_ih, b_hh;
  Tensor product = {};  ///< [T, N, G H]: where it is defined, w_ih x + b_ih
};

/// Those of a direction of W [D, G H, I], R [D, G H, H] and B [D, 2 G H], or undefined, of an RNN (one gate),
/// GRU (3) or LSTM (4).
KernelWeights kernel_weights(const Tensor& w, const Tensor& r, const Tensor& b, int64_t direction,
                             int64_t gates);

}  // namespace dlb::graph
