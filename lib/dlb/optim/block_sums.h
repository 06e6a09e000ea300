#pragma once
/// \file Sums over the elements of each parameter whose bits do not depend on the number of threads.

#include <array>
#include <vector>

#include "dlb/optim/fused.h"

namespace dlb::optim {

/// Elements summed together; fixed, so that the order of additions does not depend on the number of threads.
inline constexpr int64_t kSumBlock = 8192;
/// Running sums side by side: part of the result, whatever width the processor works in.
inline constexpr int kSumLanes = 16;

template <size_t kSums>
using Sums = std::array<double, kSums>;

/// For each update the sums of what `body(T{}, update, begin, n)` returns (a Sums<kSums>) for its blocks of
/// elements. Row-sparse updates are not for it.
template <size_t kSums, class F>
std::vector<Sums<kSums>> block_sums(const std::vector<Update>& list, const F& body) {
  struct Block {
    size_t update;
    int64_t begin, count;
  };
  std::vector<Block> blocks;
  for (size_t i = 0; i < list.size(); ++i) {
    const int64_t n = list[i].value.numel();
    for (int64_t begin = 0; begin < n; begin += kSumBlock)
      blocks.push_back({i, begin, std::min(kSumBlock, n - begin)});
  }
  std::vector<Sums<kSums>> parts(blocks.size());
  parallel_for(static_cast<int64_t>(blocks.size()), 2, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i) {
      const Block& b = blocks[i];
      const Update& u = list[b.update];
      if (u.value.dtype() == DType::kFloat64) {
        parts[i] = body(double{}, u, b.begin, b.count);
      } else {
        parts[i] = body(float{}, u, b.begin, b.count);
      }
    }
  });
  std::vector<Sums<kSums>> totals(list.size(), Sums<kSums>{});
  for (size_t i = 0; i < blocks.size(); ++i) {
    for (size_t k = 0; k < kSums; ++k) totals[blocks[i].update][k] += parts[i][k];
  }
  return totals;
}

}  // namespace dlb::optim
