#pragma once
/// \file Memory of tensors and the caching allocator behind it.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "dlb/base/error.h"
#include "dlb/base/ref_counted.h"
#include "dlb/tensor/device.h"

namespace dlb {

/// What a backend keeps with frozen memory: weights in the order that its kernels want, say.
class Prepared {
 public:
  virtual ~Prepared() = default;
};

/// A block of memory owned by reference counting, 64-byte aligned.
class Storage final : public RefCounted {
 public:
  /// Uninitialised memory from the device's caching allocator. Errors: device, with the bytes asked for, when
  /// there is none.
  static Ref<Storage> allocate(size_t bytes, Device device);
  /// Memory owned by somebody else, who must outlive the storage (a mapped file, an embedded array).
  static Ref<Storage> borrow(void* data, size_t bytes, Device device);
  ~Storage() override;
  static void* operator new(size_t bytes);
  static void operator delete(void* memory);

  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  Device device() const { return device_; }
  /// Counts in-place assignments to the memory, so that a backward pass can refuse a saved value that has
  /// changed since.
  uint32_t version() const { return version_.load(std::memory_order_relaxed); }
  void bump_version() {
    DLB_CHECK(!frozen());
    version_.fetch_add(1, std::memory_order_relaxed);
  }

  /// Says that nobody writes the memory from now on, so that a backend may keep what it makes of it.
  void freeze() { frozen_.store(true, std::memory_order_relaxed); }
  bool frozen() const { return frozen_.load(std::memory_order_relaxed); }
  /// What is kept with the memory; null for nothing yet.
  Prepared* prepared() const { return prepared_.load(std::memory_order_acquire); }
  /// Keeps `made` unless something is kept already; gives what is kept.
  Prepared& keep(std::unique_ptr<Prepared> made);

 private:
  Storage(void* data, size_t bytes, Device device, bool owned)
      : data_(data), bytes_(bytes), device_(device), owned_(owned) {}
  void* data_;
  size_t bytes_;
  size_t capacity_ = 0;  ///< of the block, for the allocator
  Device device_;
  bool owned_;
  std::atomic<uint32_t> version_{0};
  std::atomic<bool> frozen_{false};
  std::atomic<Prepared*> prepared_{nullptr};
};

/// What the CPU's caching allocator holds.
struct AllocatorStats {
  size_t live_bytes = 0;      ///< in use by storages
  size_t peak_bytes = 0;      ///< most in use at a time since the last reset
  size_t reserved_bytes = 0;  ///< obtained from the system, in use or cached
  uint64_t allocations = 0;   ///< requests served
};
AllocatorStats cpu_allocator_stats();
void reset_cpu_allocator_peak();
/// Returns cached free memory to the system.
void trim_cpu_allocator();
/// Test hook: the n-th allocation from now (1-based) fails; 0 turns it off.
void fail_cpu_allocation(uint64_t n);

}  // namespace dlb
