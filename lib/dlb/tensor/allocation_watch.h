#pragma once
/// \file Watching the CPU's allocator: the seam for a memory profile.

#include <cstddef>

namespace dlb {

/// Sees every block that the allocator gives and takes back, of all threads, one call at a time. Is called
/// under the allocator's lock: it must not make or drop tensors, nor raise.
class AllocationWatch {
 public:
  virtual ~AllocationWatch() = default;
  /// `bytes` are those that the block really takes.
  virtual void allocated(const void* block, size_t bytes) = 0;
  virtual void released(const void* block, size_t bytes) = 0;
};

/// Sets the watch (nullptr for none) and returns the previous one. Once it returns, the previous one is not
/// called any more.
AllocationWatch* watch_cpu_allocations(AllocationWatch* watch);

}  // namespace dlb
