#pragma once
/// \file Who asked for the operators that run: the seam for a profiler.

#include <cstdint>
#include <string>

namespace dlb {

/// The parts of an update.
enum class WorkPart : uint8_t { kData, kForward, kBackward, kOptimizer, kOther };

/// Is told what a thread works for, so that together with an Observer it knows the part, the layer and the
/// line of the config that each operator belongs to. What begins is nested, and each begin has its end, also
/// when an error passes.
class WorkObserver {
 public:
  virtual ~WorkObserver() = default;
  virtual void begin_part(WorkPart part) = 0;
  /// A layer, a loss or an optimizer. Both strings outlive the observation.
  virtual void begin_place(const std::string& name, const std::string& where) = 0;
  /// The gradient of the operator that was recorded under that number (OpNode::sequence).
  virtual void begin_gradient(uint64_t number) = 0;
  virtual void end() = 0;
};

/// The thread's observer; nullptr for none, as nearly always.
WorkObserver* work_observer();
/// Sets it and returns the previous one.
WorkObserver* set_work_observer(WorkObserver* observer);

/// The number that the next operator recorded for a backward pass will have.
uint64_t next_operator_number();

/// Something to work for, for the scope's lifetime; nothing where there is no observer.
class WorkScope {
 public:
  explicit WorkScope(WorkPart part) : observer_(work_observer()) {
    if (observer_ != nullptr) observer_->begin_part(part);
  }
  WorkScope(WorkObserver* observer, const std::string& name, const std::string& where) : observer_(observer) {
    if (observer_ != nullptr) observer_->begin_place(name, where);
  }
  WorkScope(WorkObserver* observer, uint64_t number) : observer_(observer) {
    if (observer_ != nullptr) observer_->begin_gradient(number);
  }
  ~WorkScope() {
    if (observer_ != nullptr) observer_->end();
  }
  WorkScope(const WorkScope&) = delete;
  WorkScope& operator=(const WorkScope&) = delete;

 private:
  WorkObserver* observer_;
};

}  // namespace dlb
