#pragma once
/// \file NaN and infinity: found before they reach the weights, and traced to the layer that made them.

#include <span>
#include <string>

#include "dlb/model/model.h"
#include "dlb/optim/optimizer.h"

namespace dlb::train {

/// Whether every element is finite. Reads the bits of each element once, on all threads.
bool all_finite(const Tensor& x);

/// Whether all gradients are.
bool gradients_finite(std::span<const optim::Param> params);

/// Where a NaN or an infinity first appears.
struct Blame {
  std::string message;  ///< "the output of layer 'conv2d_2' is not finite (3 of 1200 values)"
  std::string where;    ///< "file:line" of the layer, "" when no layer is to blame
};

/// Runs the batch through that program of the model again, in the same state of the random streams, and looks
/// at each layer's output in turn; then, when all of them are finite, at the gradients that the optimizer's
/// parameters hold.
Blame find_nonfinite(model::Model& model, nn::Context context, Inputs inputs, size_t program,
                     std::span<const optim::Param> params);

}  // namespace dlb::train
