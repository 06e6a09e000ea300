#pragma once
/// \file Kinds of dropout beside the elementwise one of softmax.h. The mask follows from the key.

#include "dlb/ops/op.h"
#include "dlb/tensor/random.h"

namespace dlb {

/// Whole channels: each [n, c] is 0 with probability p, else x / (1 - p). Shapes: x [N, C, *]. Errors: config
/// unless 0 <= p <= 1, shape.
Tensor feature_dropout(const Tensor& x, double p, const RngKey& key);

/// Dropout that keeps mean 0 and variance 1 behind selu: dropped elements become selu's value at -infinity,
/// and all are scaled and shifted.
///
/// **Source**: Klambauer et al., "Self-normalizing neural networks", 2017.
Tensor alpha_dropout(const Tensor& x, double p, const RngKey& key);
/// As alpha_dropout for whole channels. Shapes: x [N, C, *].
Tensor feature_alpha_dropout(const Tensor& x, double p, const RngKey& key);

}  // namespace dlb
