#pragma once
/// \file The one driver of scans: running results along the lines of a row-major tensor.
///
/// Neighbouring lines are scanned together, so that memory is read in order. Where a tensor has few lines but
/// long ones, lines are cut into blocks of fixed length: first each block's own result, then the blocks'
/// results joined in order, then each block again from the result of those before it. Whether that is done
/// depends on the shape alone, so results do not depend on the number of threads.
///
/// A scan S has a State, `start()`, `step(state, x, position)` for the next element and `join(a, b)`: the
/// state after the elements of `a` and then those of `b`.

#include <vector>

#include "dlb/backend/cpu/lines.h"
#include "dlb/ops/float_math.h"

namespace dlb::backend::cpu {

inline constexpr int64_t kScanGroup = 32;      ///< neighbouring lines scanned together
inline constexpr int64_t kScanBlock = 16384;   ///< elements of a block of a long line
inline constexpr int64_t kScanFewGroups = 16;  ///< more than these keep the threads busy without blocks

/// load(offset) gives what S::step takes; store(offset, state) writes the result there.
template <class S, class Load, class Store>
void run_scan(const Lines& lines, bool reverse, const Load& load, const Store& store) {
  using State = typename S::State;
  if (lines.count() == 0 || lines.size == 0) return;
  const int64_t chunks = (lines.inner + kScanGroup - 1) / kScanGroup;
  const int64_t groups = lines.outer * chunks;
  const bool cut = groups < kScanFewGroups && lines.size >= 2 * kScanBlock;
  const int64_t length = cut ? kScanBlock : lines.size;
  const int64_t blocks = (lines.size + length - 1) / length;
  const int64_t work = length * std::min(lines.inner, kScanGroup);
  const int64_t grain = std::max<int64_t>(kLineGrain / work, 1);

  // Steps through block `block` of a group of lines, calling visit(offset, state) after each element.
  const auto walk = [&](int64_t group, int64_t block, State* state, const auto& visit) {
    const int64_t first = group % chunks * kScanGroup;
    const int64_t n = std::min(kScanGroup, lines.inner - first);
    const int64_t base = group / chunks * lines.size * lines.inner + first;
    const int64_t end = std::min(lines.size, (block + 1) * length);
    for (int64_t i = block * length; i < end; ++i) {
      const int64_t position = reverse ? lines.size - 1 - i : i;
      const int64_t row = base + position * lines.inner;
      for (int64_t l = 0; l < n; ++l) {
        state[l] = S::step(state[l], load(row + l), position);
        visit(row + l, state[l]);
      }
    }
  };

  std::vector<State> carry;  // [group, block, line]: first the block's own state, then that before the block
  if (blocks > 1) {
    carry.assign(static_cast<size_t>(groups * blocks * kScanGroup), S::start());
    parallel_for(groups * blocks, grain, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; ++task) {
        walk(task / blocks, task % blocks, &carry[static_cast<size_t>(task * kScanGroup)],
             [](int64_t, const State&) {});
      }
    });
    for (int64_t group = 0; group < groups; ++group) {
      for (int64_t l = 0; l < kScanGroup; ++l) {
        State before = S::start();
        for (int64_t block = 0; block < blocks; ++block) {
          State& at = carry[static_cast<size_t>((group * blocks + block) * kScanGroup + l)];
          const State own = at;
          at = before;
          before = S::join(before, own);
        }
      }
    }
  }
  parallel_for(groups * blocks, grain, [&](int64_t begin, int64_t end) {
    State state[kScanGroup];
    for (int64_t task = begin; task < end; ++task) {
      for (int64_t l = 0; l < kScanGroup; ++l) {
        state[l] = blocks > 1 ? carry[static_cast<size_t>(task * kScanGroup + l)] : S::start();
      }
      walk(task / blocks, task % blocks, state, store);
    }
  });
}

}  // namespace dlb::backend::cpu
