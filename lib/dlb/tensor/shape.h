#pragma once
/// \file Shapes, strides and the arithmetic on them.

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "dlb/base/inline_vector.h"

namespace dlb {

/// Sizes, strides or dimension numbers: up to 8 without allocating.
using Dims = InlineVector<int64_t, 8>;
using Shape = Dims;
using Strides = Dims;

/// "[32, 1, 28, 28]"
std::string shape_text(std::span<const int64_t> shape);

/// Product of the sizes. Raises a shape error when it overflows int64 or a size is negative.
int64_t numel(std::span<const int64_t> shape);

/// Row-major strides.
Strides contiguous_strides(std::span<const int64_t> shape);
/// Strides of logical [N, C, *spatial] stored as [N, *spatial, C]; rank 3 to 5, row-major for any other rank.
Strides channels_last_strides(std::span<const int64_t> shape);

bool is_contiguous(std::span<const int64_t> shape, std::span<const int64_t> strides);
bool is_channels_last(std::span<const int64_t> shape, std::span<const int64_t> strides);
/// Whether the elements fill one block of memory without gaps or overlap, in whatever order of dimensions.
bool is_dense(std::span<const int64_t> shape, std::span<const int64_t> strides);

/// NumPy broadcasting. Raises a shape error naming both shapes when they do not fit.
Shape broadcast_shapes(std::span<const int64_t> a, std::span<const int64_t> b);

/// Maps a dimension in [-rank, rank) to [0, rank); a 0-d tensor counts as rank 1. Raises a shape error naming
/// `what`.
int normalize_dim(int64_t dim, int rank, const char* what = "dim");

/// Strides that view `shape`/`strides` as `target` without copying, or an empty optional-like result:
/// returns false when a copy is needed. `target` must have the same number of elements.
bool view_strides(std::span<const int64_t> shape, std::span<const int64_t> strides,
                  std::span<const int64_t> target, Strides& out);

}  // namespace dlb
