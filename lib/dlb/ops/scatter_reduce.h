#pragma once
/// \file Reductions of groups of elements that an index or a list of lengths describes.

#include <optional>
#include <string_view>

#include "dlb/ops/op.h"

namespace dlb {

enum class ScatterReduction : uint8_t { kSum, kProd, kMean, kAmax, kAmin };
/// sum, prod, mean, amax or amin.
ScatterReduction scatter_reduction_from_name(std::string_view name);

/// x with each element reduced together with the elements of src that index sends to it along dim; without
/// `include_self` with those alone, where there are any. The gradients of amax and amin are shared equally
/// among ties. Shapes: x, index, src of one rank, index no larger than src, nor than x but along dim -> that
/// of x. Errors: data for an index out of range.
Tensor scatter_reduce(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src,
                      ScatterReduction reduction, bool include_self = true);

enum class SegmentReduction : uint8_t { kSum, kProd, kMean, kMax, kMin };
/// sum, prod, mean, max or min.
SegmentReduction segment_reduction_from_name(std::string_view name);

/// Reductions of consecutive segments along an axis, of the given lengths or between offsets (one of the two
/// is defined), starting from `initial`; of no elements: initial, or 0, 1, NaN, -infinity or infinity. A mean
/// adds initial to the sum. With `may_leave_out` lengths may end before the axis does. Shapes: x [*, n,
/// rest], lengths [*, segments] or offsets [*, segments + 1]; axis is that of n -> [*, segments, rest].
/// Errors: data for segments that do not fit in n.
Tensor segment_reduce(const Tensor& x, SegmentReduction reduction, const Tensor& lengths,
                      const Tensor& offsets = {}, int64_t axis = 0,
                      std::optional<double> initial = std::nullopt, bool may_leave_out = false);

}  // namespace dlb
