#include "dlb/tensor/storage.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

#include "dlb/base/cgroup.h"
#include "dlb/base/error.h"
#include "dlb/tensor/allocation_limit.h"
#include "dlb/tensor/tensor.h"

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
  CHECK(cpu_allocator_stats().reserved_bytes >= reserved + (8 << 20));
  trim_cpu_allocator();
  CHECK(cpu_allocator_stats().reserved_bytes == reserved);
}

TEST_CASE("blocks of all sizes share one memory", "[storage]") {
  constexpr size_t kPiece = 1'000'000;
  constexpr size_t kPieces = 48;
  trim_cpu_allocator();
  const size_t before = cpu_allocator_stats().reserved_bytes;
  { const Ref<Storage> whole = Storage::allocate(kPieces * kPiece, kCpu); }
  const size_t reserved = cpu_allocator_stats().reserved_bytes;
  CHECK(reserved < before + kPieces * kPiece * 11 / 10);
  // Cut into pieces, freed in three orders, it serves as a whole again.
  for (const size_t stride : {1, 5, 47}) {
    std::vector<Ref<Storage>> pieces;
    for (size_t i = 0; i < kPieces; ++i) pieces.push_back(Storage::allocate(kPiece * 97 / 100, kCpu));
    for (size_t i = 0; i < kPieces; ++i) pieces[i * stride % kPieces] = {};
    const Ref<Storage> whole = Storage::allocate(kPieces * kPiece, kCpu);
    CHECK(cpu_allocator_stats().reserved_bytes == reserved);
  }
  trim_cpu_allocator();
}

TEST_CASE("blocks in use never overlap", "[storage]") {
  struct Held {
    Ref<Storage> storage;
    unsigned char mark;
  };
  std::vector<Held> held;
  uint32_t state = 12345;
  const auto random = [&state](size_t below) {
    state = state * 1664525 + 1013904223;
    return static_cast<size_t>(state >> 8) % below;
  };
  for (int round = 0; round < 3000; ++round) {
    if (held.size() > 40 || (!held.empty() && random(2) == 0)) {
      const size_t at = random(held.size());
      const auto* const bytes = static_cast<const unsigned char*>(held[at].storage->data());
      for (size_t i = 0; i < held[at].storage->bytes(); i += 997) REQUIRE(bytes[i] == held[at].mark);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
    }
    const size_t bytes = 1 + random(random(10) == 0 ? 6'000'000 : 200'000);
    const auto mark = static_cast<unsigned char>(round);
    held.push_back({Storage::allocate(bytes, kCpu), mark});
    std::memset(held.back().storage->data(), mark, bytes);
    if (round % 50 != 49) continue;
    trim_cpu_allocator();
    for (const Held& h : held) {
      const auto* const all = static_cast<const unsigned char*>(h.storage->data());
      REQUIRE(std::all_of(all, all + h.storage->bytes(), [&](unsigned char b) { return b == h.mark; }));
    }
  }
}

TEST_CASE("an allocation that cannot be met is an error that says how much was asked for", "[storage]") {
  CHECK_THROWS_WITH(Storage::allocate(size_t{1} << 55, kCpu),
                    Catch::Contains("out of memory: cannot allocate"));
  fail_cpu_allocation(2);
  const Ref<Storage> first = Storage::allocate(100, kCpu);
  CHECK_THROWS_AS(Storage::allocate(100, kCpu), Error);
  CHECK_NOTHROW(Storage::allocate(100, kCpu));
}

TEST_CASE("more than the machine has is refused, not granted and then killed", "[storage]") {
  REQUIRE(memory_limit() > 0);
  const size_t more = static_cast<size_t>(memory_limit()) + (size_t{1} << 20);
  CHECK_THROWS_WITH(Storage::allocate(more, kCpu), Catch::Contains("out of memory: cannot allocate"));
  CHECK_THROWS_WITH(require_cpu_memory(more), Catch::Contains("out of memory: cannot allocate"));
  // A vector of the elements of a view, which takes no memory itself.
  const Tensor one = Tensor::scalar(1);
  TensorSpec spec = make_spec({int64_t{1} << 50}, DType::kFloat32, kCpu);
  spec.strides = {0};
  CHECK_THROWS_WITH(Tensor::wrap(one.storage(), 0, spec).to_vector<float>(),
                    Catch::Contains("out of memory"));
}

TEST_CASE("a limit bounds what its thread holds while it lives", "[storage]") {
  {
    AllocationLimit limit(1000);
    Ref<Storage> first = Storage::allocate(600, kCpu);
    CHECK_FALSE(limit.refused());
    CHECK_THROWS_WITH(Storage::allocate(500, kCpu), Catch::Contains("may be allocated here"));
    CHECK(limit.refused());
    CHECK_FALSE(limit.refused());
    CHECK_THROWS_AS(require_cpu_memory(500), Error);
    CHECK_NOTHROW(require_cpu_memory(400));
    CHECK_THROWS_AS(Storage::allocate(SIZE_MAX, kCpu), Error);
    first = {};
    CHECK_NOTHROW(Storage::allocate(1000, kCpu));
    {
      const AllocationLimit wider(5000);
      const Ref<Storage> second = Storage::allocate(900, kCpu);
      CHECK_THROWS_AS(Storage::allocate(900, kCpu), Error);
    }
    CHECK_NOTHROW(Storage::allocate(1000, kCpu));
    std::thread other([] { CHECK_NOTHROW(Storage::allocate(5000, kCpu)); });
    other.join();
  }
  CHECK_NOTHROW(Storage::allocate(5000, kCpu));
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
