#pragma once
/// \file Who holds memory in a step: allocations, the level over time, and what the peak consists of.

#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "dlb/profile/recorder.h"
#include "dlb/tensor/allocation_watch.h"

namespace dlb::profile {

/// Of one step. Bytes are those of the CPU's allocator: tensors and what kernels work in.
struct MemoryProfile {
  int64_t allocations = 0;
  double allocated_bytes = 0;   ///< by all of them together
  size_t start_bytes = 0;       ///< in use when the step began
  size_t peak_bytes = 0;        ///< most in use at a time
  size_t activation_bytes = 0;  ///< what a forward pass added: kept for the backward pass, or at most in use

  /// Whose work brought the peak.
  struct Who {
    std::string layer, where, part;
    std::string op;  ///< "" between operators
  };
  Who peak;

  /// What was allocated within the step and in use at the peak.
  struct Holder {
    std::string layer, where, part;
    size_t bytes = 0;
  };
  std::vector<Holder> held;  ///< largest first

  struct Point {
    double ms = 0;  ///< since the step began
    size_t bytes = 0;
    std::string layer, part;
  };
  std::vector<Point> timeline;  ///< at most kMostPoints, each the highest of its stretch of time
};
inline constexpr size_t kMostPoints = 400;

/// Watches one step, whose work a recorder that runs at the same time knows.
class MemoryWatch final : public AllocationWatch {
 public:
  explicit MemoryWatch(const StepRecorder& recorder) : recorder_(recorder) {}
  ~MemoryWatch() override { stop(); }
  MemoryWatch(const MemoryWatch&) = delete;
  MemoryWatch& operator=(const MemoryWatch&) = delete;

  void start();
  void stop();
  /// `trains`: what the forward pass added counts where it ends, not where it is highest.
  MemoryProfile result(bool trains) const;

  void allocated(const void* block, size_t bytes) override;
  void released(const void* block, size_t bytes) override;

 private:
  /// Whose work it is.
  struct Owner {
    const std::string* name = nullptr;
    const std::string* where = nullptr;
    WorkPart part = WorkPart::kOther;
    const OpDef* op = nullptr;
    auto key() const { return std::tie(name, where, part); }
    bool operator<(const Owner& other) const { return key() < other.key(); }
  };
  struct Event {
    int64_t time;
    size_t live;
    Owner owner;
  };
  Owner owner() const;
  void note(const Owner& owner);
  static std::string layer_of(const Owner& owner);
  size_t activation_bytes(bool trains) const;
  std::vector<MemoryProfile::Point> timeline() const;

  const StepRecorder& recorder_;
  std::thread::id thread_;
  bool running_ = false;
  int64_t begin_ = 0;
  size_t start_ = 0, live_ = 0, peak_ = 0;
  Owner peak_owner_;
  int64_t allocations_ = 0;
  double bytes_ = 0;
  std::map<const void*, std::pair<size_t, Owner>> blocks_;  ///< allocated in the step and still in use
  std::map<Owner, size_t> held_, held_at_peak_;
  std::vector<Event> events_;
};

}  // namespace dlb::profile
