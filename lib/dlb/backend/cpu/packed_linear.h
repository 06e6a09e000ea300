#pragma once
/// \file Products with weights that are packed once, and what is fused behind them.

#include "dlb/ops/epilogue.h"
#include "dlb/tensor/tensor.h"

namespace dlb::backend::cpu {

/// Whether packed_linear() is the faster way for `rows` inputs: the weight [m, k] is frozen, float32, and
/// used often enough for each time that it is read.
bool suits_packed_linear(const Tensor& weight, int64_t rows);

/// y = f(x weight^T + bias + residual), all float32 and row-major; bias [m] and residual [rows, m] may be
/// undefined. An element's bits depend neither on the number of rows nor on that of threads.
void packed_linear(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& residual,
                   const Epilogue& e, const Tensor& y);

}  // namespace dlb::backend::cpu
