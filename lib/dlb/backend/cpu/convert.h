#pragma once
/// \file Conversion between element types, the load and store of every kernel that computes in another type
/// than it is stored.

#include <cstdint>

#include "dlb/tensor/dtype.h"

namespace dlb::backend::cpu {

/// Converts n elements; strides in elements. Source and destination do not overlap.
using Convert = void (*)(const void* src, int64_t src_stride, void* dst, int64_t dst_stride, int64_t n);

/// The conversion, for the best instruction set of this processor. Rounding is to nearest even; float to
/// integer truncates, saturates and makes NaN 0; anything to bool is x != 0.
Convert converter(DType from, DType to);

}  // namespace dlb::backend::cpu
