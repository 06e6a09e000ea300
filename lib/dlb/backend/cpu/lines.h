#pragma once
/// \file The lines along one dimension of a row-major tensor: what scans, sorts and searches work on.

#include <algorithm>
#include <cstdint>

#include "dlb/base/threads.h"
#include "dlb/tensor/tensor.h"

namespace dlb::backend::cpu {

/// A row-major shape seen as [outer, size, inner] with `size` along a dimension. A 0-d tensor is one line of
/// one element.
struct Lines {
  int64_t outer = 1;
  int64_t size = 1;
  int64_t inner = 1;  ///< also the distance of neighbours on a line

  Lines(const Shape& shape, int64_t dim) {
    const auto at = static_cast<size_t>(normalize_dim(dim, static_cast<int>(shape.size())));
    for (size_t i = 0; i < shape.size(); ++i) (i < at ? outer : i == at ? size : inner) *= shape[i];
  }

  int64_t count() const { return outer * inner; }
  /// Offset of the first element of line i.
  int64_t start(int64_t i) const { return i / inner * size * inner + i % inner; }
};

/// Elements that make it worth while to wake another thread.
inline constexpr int64_t kLineGrain = 16384;

/// Calls body(i) for each line, shared out among the threads. `make` gives each thread its scratch, which
/// body gets as a second argument.
template <class Make, class Body>
void each_line(const Lines& lines, const Make& make, const Body& body) {
  if (lines.count() == 0) return;
  const int64_t grain = std::max<int64_t>(kLineGrain / std::max<int64_t>(lines.size, 1), 1);
  parallel_for(lines.count(), grain, [&](int64_t begin, int64_t end) {
    auto scratch = make();
    for (int64_t i = begin; i < end; ++i) body(i, scratch);
  });
}

}  // namespace dlb::backend::cpu
