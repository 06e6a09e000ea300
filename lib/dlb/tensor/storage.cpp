#include "dlb/tensor/storage.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include "dlb/base/error.h"
#include "dlb/base/object_pool.h"

namespace dlb {

namespace {

/// Blocks up to this size are rounded to powers of two and kept in free lists; larger ones are rounded to
/// whole pages and kept in a map by size. Both keep what a training step frees for the next step, so that
/// after the first steps no page is ever faulted in again.
constexpr size_t kSmallLimit = size_t{64} << 10;
constexpr size_t kLargeGrain = size_t{64} << 10;
constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kAlignment = 64;

class CpuAllocator {
 public:
  void* allocate(size_t bytes, size_t& capacity) {
    const std::lock_guard lock(mutex_);
    ++stats_.allocations;
    if (fail_in_ != 0 && --fail_in_ == 0) out_of_memory(bytes);
    capacity = rounded(bytes);
    void* block = capacity <= kSmallLimit ? take_small(capacity) : take_large(bytes, capacity);
    stats_.live_bytes += capacity;
    stats_.peak_bytes = std::max(stats_.peak_bytes, stats_.live_bytes);
    return block;
  }

  void release(void* block, size_t bytes) {
    const std::lock_guard lock(mutex_);
    stats_.live_bytes -= bytes;
    if (bytes <= kSmallLimit) {
      small_[small_class(bytes)].push_back(block);
    } else {
      large_.emplace(bytes, block);
    }
  }

  /// What a block for `bytes` really takes: the key of the free lists.
  static size_t rounded(size_t bytes) {
    if (bytes <= kSmallLimit) return std::bit_ceil(std::max(bytes, kAlignment));
    return (bytes + kLargeGrain - 1) / kLargeGrain * kLargeGrain;
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
  void trim() {
    const std::lock_guard lock(mutex_);
    trim_locked();
  }

 private:
  /// Never past the list, so that the compiler need not assume it for 0 bytes.
  static size_t small_class(size_t bytes) {
    return std::min<size_t>(static_cast<size_t>(std::countr_zero(bytes)), 16);
  }

  [[noreturn]] void out_of_memory(size_t bytes) {
    fail(ErrorKind::kDevice,
         "out of memory: cannot allocate {:.1f} MiB ({:.1f} MiB in use, {:.1f} MiB reserved)",
         static_cast<double>(bytes) / 0x1p20, static_cast<double>(stats_.live_bytes) / 0x1p20,
         static_cast<double>(stats_.reserved_bytes) / 0x1p20);
  }

  void* take_small(size_t bytes) {
    std::vector<void*>& list = small_[small_class(bytes)];
    if (list.empty()) {
      // One slab gives many blocks, so that small tensors cost neither a system call nor a header.
      const size_t slab = std::max<size_t>(bytes, kSmallLimit);
      char* memory = static_cast<char*>(std::aligned_alloc(kAlignment, slab));
      if (memory == nullptr) out_of_memory(bytes);
      stats_.reserved_bytes += slab;
      for (size_t at = slab; at >= bytes; at -= bytes) list.push_back(memory + at - bytes);
    }
    void* block = list.back();
    list.pop_back();
    return block;
  }

  void* take_large(size_t wanted, size_t& bytes) {
    // A cached block may be up to an eighth larger than asked for: reuse beats exact fit.
    const auto it = large_.lower_bound(bytes);
    if (it != large_.end() && it->first <= bytes + bytes / 8) {
      void* block = it->second;
      bytes = it->first;
      large_.erase(it);
      return block;
    }
    void* block = map(bytes);
    if (block == nullptr) {
      trim_locked();
      block = map(bytes);
    }
    if (block == nullptr) out_of_memory(wanted);
    stats_.reserved_bytes += bytes;
    return block;
  }

  static void* map(size_t bytes) {
    void* block = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) return nullptr;
    if (bytes >= 2 * kHugePage) ::madvise(block, bytes, MADV_HUGEPAGE);
    return block;
  }

  void trim_locked() {
    for (const auto& [bytes, block] : large_) {
      ::munmap(block, bytes);
      stats_.reserved_bytes -= bytes;
    }
    large_.clear();
  }

  std::mutex mutex_;
  std::vector<void*> small_[32];  ///< by the binary logarithm of the size
  std::multimap<size_t, void*> large_;
  AllocatorStats stats_;
  uint64_t fail_in_ = 0;
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
  size_t capacity = 0;
  void* block = cpu_allocator().allocate(bytes, capacity);
  Ref<Storage> storage(new Storage(block, bytes, device, true));
  storage->capacity_ = capacity;
  return storage;
}

Ref<Storage> Storage::borrow(void* data, size_t bytes, Device device) {
  return Ref<Storage>(new Storage(data, bytes, device, false));
}

Storage::~Storage() {
  if (owned_) cpu_allocator().release(data_, capacity_);
}

AllocatorStats cpu_allocator_stats() { return cpu_allocator().stats(); }
void reset_cpu_allocator_peak() { cpu_allocator().reset_peak(); }
void trim_cpu_allocator() { cpu_allocator().trim(); }
void fail_cpu_allocation(uint64_t n) { cpu_allocator().fail_in(n); }

}  // namespace dlb
