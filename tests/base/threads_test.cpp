#include "dlb/base/threads.h"

#include <omp.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "dlb/base/cgroup.h"
#include "dlb/base/error.h"
#include "support/temp_folder.h"

using namespace dlb;

TEST_CASE("parallel_for covers every item once, in ranges of at least the grain") {
  for (const int count : {1, 2, 3, 7}) {
    set_threads(count);
    CHECK(threads() == count);
    for (const int64_t n : {0, 1, 2, 6, 7, 8, 100, 1001}) {
      for (const int64_t grain : {0, 1, 3, 50, 5000}) {
        std::vector<std::atomic<int>> hits(static_cast<size_t>(n));
        std::mutex mutex;
        std::set<std::pair<int64_t, int64_t>> ranges;
        parallel_for(n, grain, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) ++hits[static_cast<size_t>(i)];
          const std::lock_guard lock(mutex);
          ranges.insert({begin, end});
        });
        for (const auto& hit : hits) REQUIRE(hit == 1);
        CHECK(ranges.size() <= static_cast<size_t>(count));
        if (ranges.size() > 1) {
          for (const auto& [begin, end] : ranges) CHECK(end - begin >= grain);
        }
      }
    }
  }
  set_threads(0);
}

TEST_CASE("the split depends only on n, grain and the thread count") {
  set_threads(3);
  const auto split = [] {
    std::mutex mutex;
    std::set<std::pair<int64_t, int64_t>> ranges;
    parallel_for(10, 1, [&](int64_t begin, int64_t end) {
      const std::lock_guard lock(mutex);
      ranges.insert({begin, end});
    });
    return ranges;
  };
  const std::set<std::pair<int64_t, int64_t>> expected = {{0, 4}, {4, 7}, {7, 10}};
  for (int i = 0; i < 50; ++i) REQUIRE(split() == expected);
  set_threads(0);
}

TEST_CASE("an exception comes out of parallel_for, that of the lowest range") {
  set_threads(4);
  for (int i = 0; i < 20; ++i) {
    try {
      parallel_for(4, 1, [](int64_t begin, int64_t) {
        if (begin > 0) fail(ErrorKind::kData, "range {}", begin);
      });
      FAIL("not reached");
    } catch (const Error& e) {
      REQUIRE(e.message == "range 1");
    }
  }
  set_threads(0);
}

TEST_CASE("a nested parallel_for runs inline") {
  set_threads(4);
  std::atomic<int> total = 0;
  std::atomic<bool> split = false;
  parallel_for(4, 1, [&](int64_t, int64_t) {
    const std::thread::id self = std::this_thread::get_id();
    parallel_for(100, 1, [&](int64_t begin, int64_t end) {
      if (std::this_thread::get_id() != self || end - begin != 100) split = true;
      total += static_cast<int>(end - begin);
    });
  });
  CHECK(total == 400);
  CHECK(!split);
  set_threads(0);
}

TEST_CASE("set_threads reaches libraries that use OpenMP, and refuses nonsense") {
  set_threads(3);
  CHECK(omp_get_max_threads() == 3);
  set_threads(0);
  CHECK(threads() == available_processors());
  CHECK(available_processors() >= 1);
  CHECK_THROWS_AS(set_threads(-1), Error);
  CHECK_THROWS_AS(set_threads(1'000'000), Error);
}

namespace {

void put(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << text;
}

}  // namespace

TEST_CASE("the CPU quota of cgroup v2 is the least of the group and its ancestors") {
  const test::TempFolder root;
  put(root / "proc/self/mountinfo", "30 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n");
  put(root / "proc/self/cgroup", "0::/user/job\n");
  CHECK(cgroup_cpu_quota(root.path()) == 0);
  put(root / "sys/fs/cgroup/user/job/cpu.max", "max 100000\n");
  CHECK(cgroup_cpu_quota(root.path()) == 0);
  put(root / "sys/fs/cgroup/user/cpu.max", "250000 100000\n");
  CHECK(cgroup_cpu_quota(root.path()) == 2.5);
  put(root / "sys/fs/cgroup/user/job/cpu.max", "50000 100000\n");
  CHECK(cgroup_cpu_quota(root.path()) == 0.5);
}

TEST_CASE("the CPU quota of cgroup v1, mounted from inside a container") {
  const test::TempFolder root;
  put(root / "proc/self/mountinfo",
      "33 31 0:30 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"
      "34 31 0:31 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
  put(root / "proc/self/cgroup", "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n");
  put(root / "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  put(root / "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  CHECK(cgroup_cpu_quota(root.path()) == 0);
  put(root / "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "300000\n");
  CHECK(cgroup_cpu_quota(root.path()) == 3);
  CHECK(cgroup_cpu_quota(root / "nowhere") == 0);
}

TEST_CASE("the memory limit is the machine's, or the least of the group and its ancestors") {
  const test::TempFolder root;
  CHECK(memory_limit(root / "nowhere") == 0);
  put(root / "proc/meminfo", "MemTotal:        1000 kB\nMemFree:          10 kB\nSwapTotal:        50 kB\n");
  CHECK(memory_limit(root.path()) == 1050 * 1024);
  put(root / "proc/self/mountinfo", "30 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n");
  put(root / "proc/self/cgroup", "0::/user/job\n");
  put(root / "sys/fs/cgroup/user/job/memory.max", "max\n");
  CHECK(memory_limit(root.path()) == 1050 * 1024);
  put(root / "sys/fs/cgroup/user/memory.max", "512000\n");
  CHECK(memory_limit(root.path()) == 512000 + 50 * 1024);
}

TEST_CASE("the memory limit of cgroup v1, where none is a number beyond all memory") {
  const test::TempFolder root;
  put(root / "proc/meminfo", "MemTotal:        1000 kB\n");
  put(root / "proc/self/mountinfo",
      "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"
      "34 31 0:31 / /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
  put(root / "proc/self/cgroup", "4:memory:/job\n3:cpu,cpuacct:/job\n");
  put(root / "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  CHECK(memory_limit(root.path()) == 1000 * 1024);
  put(root / "sys/fs/cgroup/memory/job/memory.limit_in_bytes", "4096\n");
  CHECK(memory_limit(root.path()) == 4096);
}
