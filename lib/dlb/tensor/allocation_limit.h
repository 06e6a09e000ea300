#pragma once
/// \file Bounds on the memory that somebody else's numbers can ask for.

#include <cstddef>
#include <utility>

namespace dlb {

/// While it lives, its thread may hold only so many bytes of tensors more than when it was made: what goes
/// beyond is a device error before any memory is taken. What other threads allocate is not counted.
class AllocationLimit {
 public:
  explicit AllocationLimit(size_t bytes);
  ~AllocationLimit();
  AllocationLimit(const AllocationLimit&) = delete;
  AllocationLimit& operator=(const AllocationLimit&) = delete;

  /// Whether it refused something since this was last asked.
  bool refused() { return std::exchange(refused_, false); }

  // For the allocator: of the limits of this thread.
  static void check(size_t bytes);
  static void took(size_t bytes);
  static void gave(size_t bytes);

 private:
  size_t most_;
  size_t held_ = 0;
  bool refused_ = false;
  AllocationLimit* around_;  ///< the one made before it, nullptr for none
};

/// Raises what Storage::allocate() would, for memory about to be taken elsewhere.
void require_cpu_memory(size_t bytes);

}  // namespace dlb
