#pragma once
/// \file Softmax and dropout.

#include "dlb/ops/op.h"
#include "dlb/tensor/random.h"

namespace dlb {

/// y_i = exp(x_i - max x) / sum_j exp(x_j - max x) along dim. NaN where the slice has one or is all
/// -infinity.
Tensor softmax(const Tensor& x, int64_t dim);
/// x - max x - log(sum_j exp(x_j - max x)) along dim.
Tensor log_softmax(const Tensor& x, int64_t dim);

/// Zero with probability p, else x / (1 - p). Element i is kept when the i-th uniform of `key` is >= p, where
/// i counts in memory order for channels-last tensors and row by row for all others; the mask is drawn again
/// in the backward pass, not stored. Errors: config unless 0 <= p <= 1.
Tensor dropout(const Tensor& x, double p, const RngKey& key);

}  // namespace dlb
