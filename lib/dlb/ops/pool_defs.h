#pragma once
/// \file The operators behind pool.h, for backends. Images are channels-last in memory.

#include <vector>

#include "dlb/ops/pool.h"

namespace dlb {

/// Pooling with every number filled in, and the sizes that its gradient needs.
struct PoolOpAttrs {
  PoolAttrs window;
  Dims adaptive;  ///< sizes of the output of adaptive pooling, else empty
  Dims input;     ///< spatial sizes of x
};

/// The windows along one spatial dimension: window o covers start[o], start[o] + step, ... (count[o] of
/// them), all inside the input.
struct PoolWindows {
  int64_t step = 1;
  int64_t largest = 1;  ///< the most that a window covers, counting positions in the padding
  std::vector<int64_t> start;
  std::vector<int64_t> count;
  std::vector<int64_t> first;  ///< position within the window of its first element: > 0 in the padding before
  std::vector<int64_t> divisor;  ///< of average pooling
};
PoolWindows pool_windows(const PoolOpAttrs& attrs, size_t dimension);

/// Attributes of max_unpool: spatial sizes of the output.
struct UnpoolAttrs {
  std::vector<int64_t> output_size;
  static Fields fields();
};

namespace op {

/// x -> y and, for each output, the position of the largest value within its window: row-major over the
/// largest window; uint8 or int32.
const OpDef& max_pool();
const OpDef& adaptive_max_pool();
/// (g, index) -> zeros of x's shape with g added where the largest values were.
const OpDef& max_pool_grad();
/// (x, index) -> the elements of x at those positions.
const OpDef& max_pool_gather();
/// index -> int64 positions in the row-major spatial plane of x.
const OpDef& max_pool_positions();
/// (x, positions) -> zeros with x at the positions.
const OpDef& max_unpool();
const OpDef& avg_pool();
const OpDef& adaptive_avg_pool();
/// g -> each element spread evenly over its window.
const OpDef& avg_pool_grad();

}  // namespace op
}  // namespace dlb
