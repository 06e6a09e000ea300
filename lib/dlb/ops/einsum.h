#pragma once
/// \file Einstein's summation.

#include <string>
#include <vector>

#include "dlb/ops/op.h"

namespace dlb {

/// Sums of products by labels: "bij,bjk->bik". A label is a letter and stands for a dimension of each
/// operand; those missing behind the arrow are summed, a label twice in one operand takes the diagonal, "..."
/// stands for any number of dimensions that broadcast. Without an arrow the result has the labels that occur
/// once, in alphabetical order, after the "..." dimensions. Spaces do not count. Operands are multiplied from
/// left to right, each pair by one batched matrix product. Errors: config (malformed equation), shape (it
/// does not fit the operands).
Tensor einsum(const std::string& equation, const std::vector<Tensor>& operands);

}  // namespace dlb
