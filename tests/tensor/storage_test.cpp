#include "dlb/tensor/storage.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "dlb/base/error.h"

using namespace dlb;

TEST_CASE("freed blocks are used again and everything is aligned", "[storage]") {
  for (const size_t bytes : {size_t{1}, size_t{64}, size_t{1000}, size_t{70'000}, size_t{5'000'000}}) {
    void* first = nullptr;
    {
      const Ref<Storage> a = Storage::allocate(bytes, kCpu);
      first = a->data();
      CHECK(reinterpret_cast<uintptr_t>(first) % 64 == 0);
      std::memset(first, 1, bytes);
    }
    const Ref<Storage> b = Storage::allocate(bytes, kCpu);
    CHECK(b->data() == first);
  }
}

TEST_CASE("live and peak bytes follow what is held", "[storage]") {
  const size_t live = cpu_allocator_stats().live_bytes;
  reset_cpu_allocator_peak();
  {
    const Ref<Storage> a = Storage::allocate(1 << 20, kCpu);
    CHECK(cpu_allocator_stats().live_bytes >= live + (1 << 20));
  }
  CHECK(cpu_allocator_stats().live_bytes == live);
  CHECK(cpu_allocator_stats().peak_bytes >= live + (1 << 20));
  trim_cpu_allocator();
  const size_t reserved = cpu_allocator_stats().reserved_bytes;
  { const Ref<Storage> a = Storage::allocate(8 << 20, kCpu); }
  CHECK(cpu_allocator_stats().reserved_bytes == reserved + (8 << 20));
  trim_cpu_allocator();
  CHECK(cpu_allocator_stats().reserved_bytes == reserved);
}

TEST_CASE("an allocation that cannot be met is an error that says how much was asked for", "[storage]") {
  CHECK_THROWS_WITH(Storage::allocate(size_t{1} << 55, kCpu),
                    Catch::Contains("out of memory: cannot allocate"));
  fail_cpu_allocation(2);
  const Ref<Storage> first = Storage::allocate(100, kCpu);
  CHECK_THROWS_AS(Storage::allocate(100, kCpu), Error);
  CHECK_NOTHROW(Storage::allocate(100, kCpu));
}

TEST_CASE("threads allocate and free at once", "[storage]") {
  const size_t live = cpu_allocator_stats().live_bytes;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (size_t i = 0; i < 2000; ++i) {
        const size_t bytes = 1 + (i * 7919 + static_cast<size_t>(t) * 104729) % 300'000;
        const Ref<Storage> s = Storage::allocate(bytes, kCpu);
        static_cast<char*>(s->data())[0] = static_cast<char>(t);
        static_cast<char*>(s->data())[bytes - 1] = static_cast<char>(t);
        if (static_cast<char*>(s->data())[0] != static_cast<char>(t) && bytes > 1) std::abort();
      }
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(cpu_allocator_stats().live_bytes == live);
}
