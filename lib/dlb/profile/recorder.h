#pragma once
/// \file What a thread does in a step, as a tree of timed records.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "dlb/ops/op.h"
#include "dlb/ops/work_observer.h"

namespace dlb::profile {

/// One thing that was done, with all that was done within it behind it in the list.
struct Record {
  enum class Kind : uint8_t { kPart, kPlace, kGradient, kOperator };
  Kind kind = Kind::kPart;
  WorkPart part = WorkPart::kOther;
  uint32_t depth = 0;                  ///< number of records around it
  const OpDef* op = nullptr;           ///< of an operator
  const std::string* name = nullptr;   ///< of the place it is for (a layer, a loss, ...); null for none
  const std::string* where = nullptr;  ///< "file:line" of that place
  int64_t begin = 0, end = 0;          ///< nanoseconds
  Cost cost = {};                      ///< of an operator
  size_t live_bytes = 0;               ///< memory in use by storages after an operator
};

/// "data", "forward", "backward", "optimizer", "other"
const char* part_name(WorkPart part);
inline constexpr int kParts = 5;

/// Nanoseconds of a clock that does not jump.
inline int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// FLOPs and bytes of a call; where the operator does not say, the bytes of its inputs and outputs.
Cost cost_of(const OpDef& op, Inputs inputs, std::span<const Tensor> outputs, const void* attrs);

/// Records the thread's work between start() and stop(). Names of places are those of the observed model:
/// records are of use as long as that lives. What an operator's reference composition runs counts for the
/// operator. The gradient of an operator belongs to the place in which the operator ran.
class StepRecorder final : public Observer, public WorkObserver {
 public:
  StepRecorder() = default;
  ~StepRecorder() override { stop(); }
  StepRecorder(const StepRecorder&) = delete;
  StepRecorder& operator=(const StepRecorder&) = delete;

  /// Begins a new list.
  void start();
  void stop();
  const std::vector<Record>& records() const { return records_; }
  /// The innermost thing that is being done, nullptr outside of everything.
  const Record* current() const { return open_.empty() ? nullptr : &records_[open_.back()]; }

  void before(const OpDef& op, Inputs inputs, const void* attrs) override;
  void after(const OpDef& op, Inputs inputs, std::span<const Tensor> outputs, const void* attrs) override;
  void begin_part(WorkPart part) override;
  void begin_place(const std::string& name, const std::string& where) override;
  void begin_gradient(uint64_t number) override;
  void end() override;

 private:
  /// From that number on, recorded operators belong to the place.
  struct Mark {
    uint64_t number;
    const std::string* name;
    const std::string* where;
  };
  Record& open(Record::Kind kind);
  void mark_place();

  std::vector<Record> records_;
  std::vector<uint32_t> open_;  ///< numbers of the records that have begun
  std::vector<Mark> marks_;
  int operators_ = 0;  ///< that have begun, each inside the one before
  bool running_ = false;
  Observer* previous_ = nullptr;
  WorkObserver* previous_work_ = nullptr;
};

}  // namespace dlb::profile
