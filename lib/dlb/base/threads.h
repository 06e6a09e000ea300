#pragma once
/// \file The one thread pool (OpenMP's) and its size.

#include <cstdint>
#include <functional>

namespace dlb {

/// Processors this process may use: the affinity mask, cut to the cgroup's CPU quota (v1 or v2), at least 1.
int available_processors();

/// Sets the number of threads of every kernel and library. 0 = available_processors().
void set_threads(int count);
int threads();

/// Splits [0, n) into at most threads() contiguous ranges of at least `grain` items and runs `body(begin,
/// end)` on each. Which thread gets which range depends only on n, grain and threads(), so results that
/// depend on the split repeat. Runs inline when one range suffices or when already inside a parallel region.
/// An exception is rethrown in the caller.
template <class F>
void parallel_for(int64_t n, int64_t grain, const F& body);

namespace detail {
void run_parallel(int64_t n, int64_t ranges, void (*call)(const void*, int64_t, int64_t), const void* body);
int64_t range_count(int64_t n, int64_t grain);
}  // namespace detail

template <class F>
void parallel_for(int64_t n, int64_t grain, const F& body) {
  if (n <= 0) return;
  const int64_t ranges = detail::range_count(n, grain);
  if (ranges <= 1) {
    body(int64_t{0}, n);
    return;
  }
  detail::run_parallel(
      n, ranges, [](const void* f, int64_t b, int64_t e) { (*static_cast<const F*>(f))(b, e); }, &body);
}

}  // namespace dlb
