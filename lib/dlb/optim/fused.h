#pragma once
/// \file One multi-threaded pass over the elements of many tensors.

#include <algorithm>
#include <vector>

#include "dlb/base/threads.h"
#include "dlb/optim/optimizer.h"

namespace dlb::optim {

/// Elements below which a thread is not worth starting.
inline constexpr int64_t kFusedGrain = 16384;

/// The gradient of `value` in the memory order and type of `value`, so that both can be walked with one
/// index.
Tensor aligned_gradient(const Tensor& value, const Tensor& gradient);

/// Calls f(i, begin, end) so that the ranges cover [0, sizes[i]) for each i, split evenly over the threads.
template <class F>
void for_each_range(const std::vector<int64_t>& sizes, const F& f) {
  std::vector<int64_t> ends(sizes.size());
  int64_t total = 0;
  for (size_t i = 0; i < sizes.size(); ++i) ends[i] = total += sizes[i];
  parallel_for(total, kFusedGrain, [&](int64_t begin, int64_t end) {
    auto i = static_cast<size_t>(std::upper_bound(ends.begin(), ends.end(), begin) - ends.begin());
    while (begin < end) {
      const int64_t start = ends[i] - sizes[i];
      const int64_t stop = std::min(end, ends[i]);
      if (stop > begin) f(i, begin - start, stop - start);
      begin = stop;
      ++i;
    }
  });
}

/// The parameters that have a gradient, ready for an update.
struct Update {
  size_t index;  ///< in the optimizer's list
  Tensor value;
  Tensor gradient;  ///< aligned with value
  double lr;        ///< with the group's scale
  double weight_decay;
};
std::vector<Update> updates(std::span<const Param> params, double lr_now, double weight_decay);

/// Runs make(T{}, update, begin) as a wide body for each range, T the update's element type (float or
/// double); then marks the parameters as changed.
template <class F>
void run_updates(const std::vector<Update>& list, const F& body) {
  std::vector<int64_t> sizes;
  sizes.reserve(list.size());
  for (const Update& u : list) sizes.push_back(u.value.numel());
  for_each_range(sizes, [&](size_t i, int64_t begin, int64_t end) {
    if (list[i].value.dtype() == DType::kFloat64) {
      body(double{}, list[i], begin, end);
    } else {
      body(float{}, list[i], begin, end);
    }
  });
  for (const Update& u : list) u.value.bump_version();
}

}  // namespace dlb::optim
