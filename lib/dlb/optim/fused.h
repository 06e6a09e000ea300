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
  Tensor gradient;  ///< aligned with value, or the rows of a row-sparse gradient
  double lr;        ///< with the group's scale
  double weight_decay;
  Tensor rows;  ///< undefined, or which rows of value a row-sparse gradient is for

  bool sparse() const { return rows.defined(); }
};

/// What a row-sparse gradient means to an optimizer: an error, or an update of the rows it has. The other
/// rows keep their value and state, without decay: the cost is that of the rows.
enum class SparseRule { kRefused, kRowsOnly };

/// Errors: unsupported, for a row-sparse gradient where `rule` refuses it; `optimizer` names what does.
std::vector<Update> updates(std::span<const Param> params, double lr_now, double weight_decay,
                            SparseRule rule = SparseRule::kRefused, std::string_view optimizer = {});

/// Runs body(T{}, update, at, from, n) as a wide body for each range, T the update's element type (float or
/// double): elements `at`, ... of the parameter and its state with elements `from`, ... of the gradient. Then
/// marks the parameters as changed.
template <class F>
void run_updates(const std::vector<Update>& list, const F& body) {
  std::vector<int64_t> sizes;
  sizes.reserve(list.size());
  for (const Update& u : list) sizes.push_back(u.gradient.numel());
  for_each_range(sizes, [&](size_t i, int64_t begin, int64_t end) {
    const Update& u = list[i];
    const auto run = [&](auto type) {
      if (!u.sparse()) return body(type, u, begin, begin, end - begin);
      const int64_t* const row = u.rows.data<int64_t>();
      const int64_t width = u.gradient.numel() / u.rows.numel();
      // Rows of a large table are far apart: the memory of one arrives while those before it are updated.
      constexpr int64_t kAhead = 16;
      const int64_t last = u.rows.numel() - 1;
      const char* const table = static_cast<const char*>(u.value.raw());
      const int64_t row_bytes = width * static_cast<int64_t>(dtype_size(u.value.dtype()));
      for (int64_t from = begin; from < end;) {
        const int64_t k = from / width, column = from % width;
        const int64_t n = std::min(width - column, end - from);
        __builtin_prefetch(table + row[std::min(k + kAhead, last)] * row_bytes, 1);
        body(type, u, row[k] * width + column, from, n);
        from += n;
      }
    };
    if (u.value.dtype() == DType::kFloat64) {
      run(double{});
    } else {
      run(float{});
    }
  });
  for (const Update& u : list) u.value.bump_version();
}

}  // namespace dlb::optim
