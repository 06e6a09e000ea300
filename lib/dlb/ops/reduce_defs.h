#pragma once
/// \file The operators behind reduce.h, for backends.

#include <vector>

#include "dlb/ops/reduce.h"

namespace dlb {

struct ReduceAttrs {
  std::vector<int64_t> dim;  ///< empty: all
  bool keepdim = false;
  static Fields fields();
};
struct ArgReduceAttrs {
  int64_t dim = 0;
  bool keepdim = false;
  static Fields fields();
};

/// Which dimensions a reduction removes, one flag for each dimension of the input.
using ReducedDims = InlineVector<bool, 8>;
ReducedDims reduced_dims(const ReduceAttrs& attrs, int rank);
/// `shape` without the reduced dimensions, or with size 1 there.
Shape reduced_shape(const Shape& shape, const ReducedDims& reduced, bool keepdim);

namespace op {
const OpDef& sum();
const OpDef& mean();
const OpDef& prod();
const OpDef& amax();
const OpDef& amin();
const OpDef& any();
const OpDef& all();
const OpDef& norm();
const OpDef& argmax();
const OpDef& argmin();
const OpDef& shared_value();
}  // namespace op

}  // namespace dlb
