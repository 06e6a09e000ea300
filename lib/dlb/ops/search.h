#pragma once
/// \file Searching in sorted sequences, and what follows from it: membership and distinct elements. None has
/// a gradient.

#include "dlb/ops/op.h"

namespace dlb {

/// For each value v the number of elements of the sorted sequence that are < v (`right`: <= v): where v would
/// be inserted before (after) its equals. NaN goes last. `sorter` (may be undefined) holds the order in which
/// an unsorted sequence is sorted. Shapes: sequence [n] and values [*], or sequence [*, n] and values [*, m];
/// -> that of values, int64 or int32. Errors: data when the sorter is out of range.
Tensor searchsorted(const Tensor& sequence, const Tensor& values, bool right = false, bool out_int32 = false,
                    const Tensor& sorter = {});
/// searchsorted with one sequence of boundaries [n].
Tensor bucketize(const Tensor& x, const Tensor& boundaries, bool right = false, bool out_int32 = false);
/// Whether each element is among `candidates`; NaN never is. `invert`: is not. Shapes: -> bool, that of
/// elements.
Tensor isin(const Tensor& elements, const Tensor& candidates, bool invert = false);

/// Distinct elements (or slices), where each element of x went, and how often each occurs.
struct Distinct {
  Tensor values;
  Tensor inverse;  ///< int64; of x's shape, [size of dim] for slices
  Tensor counts;   ///< int64 [number of values]
};
/// Distinct elements of all of x in rising order; each NaN counts as distinct.
Distinct unique(const Tensor& x);
/// Distinct slices along dim in lexicographic order. Shapes: values as x, with dim as long as needed.
Distinct unique(const Tensor& x, int64_t dim);
/// Likewise, but only neighbours are compared and the order is kept.
Distinct unique_consecutive(const Tensor& x);
Distinct unique_consecutive(const Tensor& x, int64_t dim);

}  // namespace dlb
