#include "dlb/tensor/storage.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <set>
#include <utility>
#include <vector>

#include "dlb/base/cgroup.h"
#include "dlb/base/error.h"
#include "dlb/base/object_pool.h"
#include "dlb/base/rounding.h"
#include "dlb/tensor/allocation_limit.h"
#include "dlb/tensor/allocation_watch.h"

namespace dlb {

namespace {

/// Blocks up to this size are rounded to powers of two and kept in free lists; larger ones are rounded to
/// whole pages and cut from ranges of mapped memory. Both keep what a training step frees for the next step,
/// so that after the first steps no page is ever faulted in again.
constexpr size_t kSmallLimit = size_t{64} << 10;
constexpr size_t kPage = size_t{4} << 10;
/// Added to a large block, an odd number of cache lines: blocks of equal size behind each other must not
/// start in the same set of a cache, where a kernel that walks through several at once has few places.
constexpr size_t kStagger = 81 * 64;
constexpr size_t kHugePage = size_t{2} << 20;
/// Least and most that is mapped ahead of what is asked for: a page that is never touched costs nothing.
constexpr size_t kLeastMapped = size_t{16} << 20;
constexpr size_t kMostMapped = size_t{256} << 20;
constexpr size_t kAlignment = 64;

/// Bytes from there to the next multiple of the grain.
size_t up_to(const char* at, size_t grain) {
  const auto address = reinterpret_cast<uintptr_t>(at);
  return rounded_up(address, grain) - address;
}

/// Free ranges of mapped memory. Neighbours are joined, wherever they came from, and a block is cut from the
/// smallest range that holds it, so that blocks of all sizes share one memory.
class FreeRanges {
 public:
  /// Null when no range is long enough.
  char* take(size_t bytes) {
    const auto it = by_size_.lower_bound({bytes, nullptr});
    if (it == by_size_.end()) return nullptr;
    const auto [size, at] = *it;
    erase(by_place_.find(at));
    if (size > bytes) insert(at + bytes, size - bytes);
    return at;
  }

  void give(char* at, size_t bytes) {
    auto after = by_place_.lower_bound(at);
    if (after != by_place_.begin()) {
      const auto before = std::prev(after);
      if (before->first + before->second == at) {
        at = before->first;
        bytes += before->second;
        erase(before);
      }
    }
    if (after != by_place_.end() && at + bytes == after->first) {
      bytes += after->second;
      erase(after);
    }
    insert(at, bytes);
  }

  /// Returns the whole pages of all ranges to the system: how many bytes. What a page shares with a block in
  /// use stays.
  size_t unmap() {
    size_t total = 0;
    Places ranges;
    ranges.swap(by_place_);
    by_size_.clear();
    for (const auto& [at, bytes] : ranges) {
      const size_t head = std::min(bytes, up_to(at, kPage));
      const size_t whole = (bytes - head) / kPage * kPage;
      if (whole > 0) ::munmap(at + head, whole);
      if (head > 0) insert(at, head);
      if (const size_t tail = bytes - head - whole; tail > 0) insert(at + head + whole, tail);
      total += whole;
    }
    return total;
  }

 private:
  using Places = std::map<char*, size_t>;
  void insert(char* at, size_t bytes) {
    by_place_.emplace(at, bytes);
    by_size_.emplace(bytes, at);
  }
  void erase(Places::iterator range) {
    by_size_.erase({range->second, range->first});
    by_place_.erase(range);
  }
  Places by_place_;
  std::set<std::pair<size_t, char*>> by_size_;
};

class CpuAllocator {
 public:
  void* allocate(size_t bytes, size_t& capacity) {
    const std::lock_guard lock(mutex_);
    ++stats_.allocations;
    if (fail_in_ != 0 && --fail_in_ == 0) out_of_memory(bytes);
    if (bytes > SIZE_MAX / 2) out_of_memory(bytes);  // what follows adds to it
    capacity = rounded(bytes);
    void* block = capacity <= kSmallLimit ? take_small(capacity) : take_large(capacity);
    if (block == nullptr) out_of_memory(bytes);
    stats_.live_bytes += capacity;
    stats_.peak_bytes = std::max(stats_.peak_bytes, stats_.live_bytes);
    if (watch_ != nullptr) watch_->allocated(block, capacity);
    return block;
  }

  void release(void* block, size_t bytes) {
    const std::lock_guard lock(mutex_);
    stats_.live_bytes -= bytes;
    if (watch_ != nullptr) watch_->released(block, bytes);
    if (bytes <= kSmallLimit) {
      small_[small_class(bytes)].push_back(block);
    } else {
      large_.give(static_cast<char*>(block), bytes);
    }
  }

  /// What a block for `bytes` really takes.
  static size_t rounded(size_t bytes) {
    if (bytes <= kSmallLimit) return std::bit_ceil(std::max(bytes, kAlignment));
    return rounded_up(bytes, kPage) + kStagger;
  }

  AllocatorStats stats() {
    const std::lock_guard lock(mutex_);
    return stats_;
  }
  void reset_peak() {
    const std::lock_guard lock(mutex_);
    stats_.peak_bytes = stats_.live_bytes;
  }
  void fail_in(uint64_t n) {
    const std::lock_guard lock(mutex_);
    fail_in_ = n;
  }
  AllocationWatch* watch(AllocationWatch* watch) {
    const std::lock_guard lock(mutex_);
    return std::exchange(watch_, watch);
  }
  void trim() {
    const std::lock_guard lock(mutex_);
    trim_locked();
  }
  /// Errors: as allocate(), where no trimming would make room.
  void require(size_t bytes) {
    const std::lock_guard lock(mutex_);
    if (bytes > most() || stats_.live_bytes > most() - bytes) out_of_memory(bytes);
  }

 private:
  /// What is more than the machine or the container has would be granted and then end the process when it is
  /// written.
  static size_t most() {
    static const size_t bytes = [] {
      const uint64_t limit = memory_limit();
      return limit == 0 ? SIZE_MAX / 2 : static_cast<size_t>(limit);
    }();
    return bytes;
  }

  /// Never past the list, so that the compiler need not assume it for 0 bytes.
  static size_t small_class(size_t bytes) {
    return std::min<size_t>(static_cast<size_t>(std::countr_zero(bytes)), 16);
  }

  [[noreturn]] void out_of_memory(size_t bytes) {
    fail(ErrorKind::kDevice,
         "out of memory: cannot allocate {:.1f} MiB ({:.1f} MiB in use, {:.1f} MiB reserved, of {:.0f} MiB)",
         static_cast<double>(bytes) / 0x1p20, static_cast<double>(stats_.live_bytes) / 0x1p20,
         static_cast<double>(stats_.reserved_bytes) / 0x1p20, static_cast<double>(most()) / 0x1p20);
  }

  /// Null where the system has no more memory.
  void* take_small(size_t bytes) {
    std::vector<void*>& list = small_[small_class(bytes)];
    if (list.empty()) {
      // One slab gives many blocks, so that small tensors cost neither a system call nor a header.
      const size_t slab = std::max<size_t>(bytes, kSmallLimit);
      char* memory = static_cast<char*>(std::aligned_alloc(kAlignment, slab));
      if (memory == nullptr) return nullptr;
      stats_.reserved_bytes += slab;
      for (size_t at = slab; at >= bytes; at -= bytes) list.push_back(memory + at - bytes);
    }
    void* block = list.back();
    list.pop_back();
    return block;
  }

  /// As take_small().
  void* take_large(size_t bytes) {
    if (char* const block = large_.take(bytes)) return block;
    const size_t ahead = std::clamp(stats_.reserved_bytes / 4, kLeastMapped, kMostMapped);
    if (!map(std::max(bytes, ahead)) && !map(bytes)) {
      trim_locked();
      if (!map(bytes)) return nullptr;
    }
    return large_.take(bytes);
  }

  /// Adds a range of at least that length, on huge pages where the system gives them.
  bool map(size_t bytes) {
    bytes = rounded_up(bytes, kHugePage);
    if (bytes > most() || stats_.reserved_bytes > most() - bytes) return false;
    const size_t whole = bytes + kHugePage;
    void* const mapped = ::mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) return false;
    char* const from = static_cast<char*>(mapped);
    const size_t head = up_to(from, kHugePage);
    char* const start = from + head;
    if (head > 0) ::munmap(from, head);
    ::munmap(start + bytes, whole - bytes - head);
    ::madvise(start, bytes, MADV_HUGEPAGE);
    large_.give(start, bytes);
    stats_.reserved_bytes += bytes;
    return true;
  }

  void trim_locked() { stats_.reserved_bytes -= large_.unmap(); }

  std::mutex mutex_;
  std::vector<void*> small_[32];  ///< by the binary logarithm of the size
  FreeRanges large_;
  AllocatorStats stats_;
  uint64_t fail_in_ = 0;
  AllocationWatch* watch_ = nullptr;
};

/// Never destroyed: storages in static objects may be released after it would have been.
CpuAllocator& cpu_allocator() {
  static CpuAllocator* allocator = new CpuAllocator;
  return *allocator;
}

}  // namespace

using StoragePool = ObjectPool<Storage, sizeof(Storage)>;
void* Storage::operator new(size_t) { return StoragePool::take(); }
void Storage::operator delete(void* memory) { StoragePool::give(memory); }

Ref<Storage> Storage::allocate(size_t bytes, Device device) {
  if (device.kind != DeviceKind::kCpu)
    fail(ErrorKind::kDevice, "this build has no memory on device {}", device_name(device));
  AllocationLimit::check(bytes);
  size_t capacity = 0;
  void* block = cpu_allocator().allocate(bytes, capacity);
  Ref<Storage> storage(new Storage(block, bytes, device, true));
  storage->capacity_ = capacity;
  AllocationLimit::took(bytes);
  return storage;
}

Ref<Storage> Storage::borrow(void* data, size_t bytes, Device device) {
  return Ref<Storage>(new Storage(data, bytes, device, false));
}

Prepared& Storage::keep(std::unique_ptr<Prepared> made) {
  DLB_CHECK(frozen());
  Prepared* none = nullptr;
  return prepared_.compare_exchange_strong(none, made.get(), std::memory_order_acq_rel) ? *made.release()
                                                                                        : *none;
}

Storage::~Storage() {
  delete prepared();
  if (!owned_) return;
  cpu_allocator().release(data_, capacity_);
  AllocationLimit::gave(bytes_);
}

AllocatorStats cpu_allocator_stats() { return cpu_allocator().stats(); }
void reset_cpu_allocator_peak() { cpu_allocator().reset_peak(); }
void trim_cpu_allocator() { cpu_allocator().trim(); }
void fail_cpu_allocation(uint64_t n) { cpu_allocator().fail_in(n); }
void require_cpu_memory(size_t bytes) {
  AllocationLimit::check(bytes);
  cpu_allocator().require(bytes);
}
AllocationWatch* watch_cpu_allocations(AllocationWatch* watch) { return cpu_allocator().watch(watch); }

}  // namespace dlb
