#pragma once
/// \file Checks that the linear algebra families share. Errors name the operator.

#include "dlb/ops/op.h"

namespace dlb {

/// float32 or float64, rank at least 2.
void check_matrices(Infer& c, int i);
/// check_matrices(), and as many rows as columns.
void check_square(Infer& c, int i);
/// Outside infer(), for what is looked at before an operator runs.
void check_matrix_shape(const char* function, const Tensor& a);
void check_square_shape(const char* function, const Tensor& a);
/// That the row swaps are those of such factors.
void check_pivots(const char* function, const Tensor& lu, const Tensor& pivots);

}  // namespace dlb
