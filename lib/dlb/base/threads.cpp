#include "dlb/base/threads.h"

#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <limits>
#include <thread>
#include <vector>

#include "dlb/base/cgroup.h"
#include "dlb/base/error.h"

namespace dlb {
namespace {

constexpr int kMaxThreads = 4096;

std::atomic<int> g_threads{0};

int affinity_count() {
  // A mask of fixed size fails with EINVAL on machines with more processors than it has bits, so it grows.
  for (int bits = CPU_SETSIZE; bits <= 1 << 20; bits *= 2) {
    cpu_set_t* set = CPU_ALLOC(static_cast<size_t>(bits));
    if (set == nullptr) break;
    const size_t bytes = CPU_ALLOC_SIZE(static_cast<size_t>(bits));
    const int status = sched_getaffinity(0, bytes, set);
    const int count = status == 0 ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (count > 0) return count;
  }
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

}  // namespace

int available_processors() {
  int count = affinity_count();
  const double quota = cgroup_cpu_quota();
  if (quota > 0) count = static_cast<int>(std::min<double>(count, std::ceil(quota)));
  return std::clamp(count, 1, kMaxThreads);
}

void set_threads(int count) {
  if (count < 0 || count > kMaxThreads) {
    fail(ErrorKind::kConfig, "the number of threads must be 0 (automatic) to {}, got {}", kMaxThreads, count);
  }
  if (count == 0) count = available_processors();
  g_threads = count;
  omp_set_dynamic(0);
  omp_set_num_threads(count);
}

int threads() {
  if (g_threads.load(std::memory_order_relaxed) == 0) set_threads(0);
  return g_threads.load(std::memory_order_relaxed);
}

namespace detail {

int64_t range_count(int64_t n, int64_t grain) {
  if (n <= std::max<int64_t>(grain, 1) || omp_in_parallel() != 0) return 1;
  return std::min<int64_t>(threads(), n / std::max<int64_t>(grain, 1));
}

void run_parallel(int64_t n, int64_t ranges, void (*call)(const void*, int64_t, int64_t), const void* body) {
  const int64_t size = n / ranges;
  const int64_t longer = n % ranges;  // the first `longer` ranges have one item more
  // The exception of the lowest range is the one that is rethrown, whatever the order in time.
  std::exception_ptr error;
  int64_t error_range = std::numeric_limits<int64_t>::max();
  const int team = static_cast<int>(ranges);
#pragma omp parallel num_threads(team)
  {
    for (int64_t i = omp_get_thread_num(); i < ranges; i += omp_get_num_threads()) {
      const int64_t begin = i * size + std::min(i, longer);
      try {
        call(body, begin, begin + size + (i < longer ? 1 : 0));
      } catch (...) {
#pragma omp critical(dlb_run_parallel)
        if (i < error_range) {
          error_range = i;
          error = std::current_exception();
        }
      }
    }
  }
  if (error) std::rethrow_exception(error);
}

}  // namespace detail
}  // namespace dlb
