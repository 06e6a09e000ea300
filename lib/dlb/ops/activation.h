#pragma once
/// \file Activations of several tensors or along a dimension; those of one tensor's elements are in unary.h.

#include "dlb/ops/op.h"
#include "dlb/tensor/random.h"

namespace dlb {

/// a * sigmoid(b), a and b the halves of x along dim. Errors: shape for an odd size or a 0-d tensor.
Tensor glu(const Tensor& x, int64_t dim = -1);
/// x if x > 0 else weight * x. Shapes: x [N, C, *], weight [C], [1] or []; a rank-1 x has one channel.
Tensor prelu(const Tensor& x, const Tensor& weight);
/// leaky_relu with slope (lower + upper) / 2, or in training, where x <= 0, with a slope uniform in [lower,
/// upper) for each element.
Tensor rrelu(const Tensor& x, double lower, double upper, bool training, const RngKey& key);
/// softmax(-x).
Tensor softmin(const Tensor& x, int64_t dim);
/// softmax((x + g) / tau), g Gumbel distributed; `hard`: the one-hot vector of the largest, with the gradient
/// of the soft values.
Tensor gumbel_softmax(const Tensor& x, double tau, bool hard, int64_t dim, const RngKey& key);

}  // namespace dlb
