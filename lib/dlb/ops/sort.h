#pragma once
/// \file Sorting and order statistics along a dimension. NaN counts as larger than every number, -0 equals 0.
/// Equal elements keep their order: all sorts are stable, and of ties the first counts. A 0-d tensor counts
/// as one element. Gradients go to the elements that were picked. Errors: shape for a bad dim or k, or for
/// picking from nothing.

#include <utility>

#include "dlb/ops/op.h"

namespace dlb {

/// Values in rising (falling) order and where they were. Shapes: x [*] -> [*], int64 [*].
std::pair<Tensor, Tensor> sort(const Tensor& x, int64_t dim = -1, bool descending = false);
Tensor argsort(const Tensor& x, int64_t dim = -1, bool descending = false);
Tensor msort(const Tensor& x);  ///< sorted along dim 0

/// The k largest (smallest) in falling (rising) order and their indices. Shapes: dim becomes k.
std::pair<Tensor, Tensor> topk(const Tensor& x, int64_t k, int64_t dim = -1, bool largest = true);
/// The k-th smallest (k = 1: the smallest) and its index. Shapes: dim removed, or of size 1 with keepdim.
std::pair<Tensor, Tensor> kthvalue(const Tensor& x, int64_t k, int64_t dim = -1, bool keepdim = false);
/// The middle value, the lower of the two where there are two; NaN where there is one. Of all elements the
/// gradient is shared equally among those equal to it; of nothing it is NaN.
Tensor median(const Tensor& x);
std::pair<Tensor, Tensor> median(const Tensor& x, int64_t dim, bool keepdim = false);
/// The same of the elements that are not NaN.
Tensor nanmedian(const Tensor& x);
std::pair<Tensor, Tensor> nanmedian(const Tensor& x, int64_t dim, bool keepdim = false);
/// The most frequent value, the smallest of several, and the index of its last element.
std::pair<Tensor, Tensor> mode(const Tensor& x, int64_t dim = -1, bool keepdim = false);

}  // namespace dlb
