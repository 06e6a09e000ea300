#pragma once
/// \file Learning-rate schedules: a factor of the optimizer's base rate as a function of the step.

#include <span>

#include "dlb/base/fields.h"

namespace dlb::optim {

/// What a schedule needs to know of the run.
struct ScheduleContext {
  double base_lr = 0;
  int64_t total_steps = 0;  ///< optimizer updates in the whole run
  int64_t steps_per_epoch = 0;
};

class Schedule {
 public:
  virtual ~Schedule() = default;
  /// Resolves durations against the run. Errors: config (warm-up longer than the run, ...).
  virtual void prepare(const ScheduleContext& context) { context_ = context; }
  /// The rate for update number `step`, 0-based.
  virtual double lr(int64_t step) const = 0;
  /// Feeds the monitored value after an evaluation; only `plateau` listens.
  virtual void observe(double /*value*/, bool /*higher_is_better*/) {}
  /// State beyond the step counter, for checkpoints; empty for all but plateau.
  virtual std::vector<double> state() const { return {}; }
  virtual void set_state(const std::vector<double>& /*state*/) {}

 protected:
  ScheduleContext context_;
};

using ScheduleType = TypeInfo<Schedule>;
/// constant, step, multi_step, exponential, linear, polynomial, inverse_sqrt, noam, cosine,
/// cosine_warm_restarts, cyclic, one_cycle, plateau, sequential, chained
std::span<const ScheduleType> schedule_types();

}  // namespace dlb::optim
