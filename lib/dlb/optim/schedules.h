#pragma once
/// \file The schedules. k is the number of the update from 0, base the optimizer's rate.

#include <optional>
#include <string_view>
#include <vector>

#include "dlb/config/node.h"
#include "dlb/optim/schedule.h"

namespace dlb::optim {

/// The fields `warmup` and `warmup_start` after those of the schedule itself.
std::vector<Field> with_warmup(std::vector<Field> own);
/// A length of at least one step. Errors: config, which says `schedule.field` for a shorter one.
int64_t at_least_one_step(const Duration& length, const ScheduleContext& context, std::string_view schedule,
                          std::string_view field);

/// A schedule that may begin with a linear warm-up, PyTorch's LinearLR: for k < warmup the rate is
/// base (warmup_start + (1 - warmup_start) k / warmup).
struct WarmupSchedule : Schedule {
  Duration warmup;
  double warmup_start = 0;

  /// Errors: config when the warm-up is not shorter than the run.
  void prepare(const ScheduleContext& context) override;
  double lr(int64_t step) const final;

 protected:
  /// The rate for k >= warmup_steps().
  virtual double after_warmup(int64_t step) const = 0;
  int64_t warmup_steps() const { return warmup_steps_; }
  /// `length` in steps, or what the warm-up leaves of the run.
  int64_t length_of(const std::optional<Duration>& length) const;

 private:
  int64_t warmup_steps_ = 0;
};

/// base factor for total_iters updates after the warm-up (all, if not given), then base. PyTorch's
/// ConstantLR.
struct Constant : WarmupSchedule {
  double factor = 1;
  std::optional<Duration> total_iters;
  static Fields fields();

 protected:
  double after_warmup(int64_t step) const override;
};

/// base gamma^floor(k / every), counted from the start of the run. PyTorch's StepLR.
struct StepDecay : WarmupSchedule {
  Duration every;
  double gamma = 0.1;
  static Fields fields();
  void prepare(const ScheduleContext& context) override;

 protected:
  double after_warmup(int64_t step) const override;

 private:
  int64_t period_ = 1;
};

/// base gamma^(number of milestones <= k). PyTorch's MultiStepLR.
struct MultiStep : WarmupSchedule {
  config::Node at;  ///< list of durations
  double gamma = 0.1;
  static Fields fields();
  void prepare(const ScheduleContext& context) override;

 protected:
  double after_warmup(int64_t step) const override;

 private:
  std::vector<int64_t> milestones_;
};

/// base gamma^floor(k / every), or base gamma^(k / every) when smooth. PyTorch's ExponentialLR.
struct Exponential : WarmupSchedule {
  double gamma = 0.95;
  Duration every{1, true};
  bool smooth = false;
  static Fields fields();
  void prepare(const ScheduleContext& context) override;

 protected:
  double after_warmup(int64_t step) const override;

 private:
  int64_t period_ = 1;
};

/// min_lr + (base - min_lr) (1 + cos(pi p)) / 2 where p runs from 0 to 1 between warm-up and the end of the
/// run, `cycles` times.
/// **Source**: Loshchilov & Hutter, "SGDR", ICLR 2017.
struct Cosine : WarmupSchedule {
  double min_lr = 0;
  int64_t cycles = 1;
  static Fields fields();

 protected:
  double after_warmup(int64_t step) const override;
};

/// From max_lr / div_factor up to max_lr at pct_start of the run, then down to max_lr / div_factor /
/// final_div_factor. PyTorch's OneCycleLR. **Source**: Smith & Topin, "Super-convergence", 2018.
struct OneCycle : Schedule {
  std::optional<double> max_lr;
  double pct_start = 0.3;
  double div_factor = 25;
  double final_div_factor = 1e4;
  std::string anneal = "cos";
  static Fields fields();
  double lr(int64_t step) const override;
};

/// Multiplies the rate by `factor` when the monitored value has not improved for more than `patience`
/// evaluations. PyTorch's ReduceLROnPlateau with a relative threshold.
struct Plateau : WarmupSchedule {
  double factor = 0.1;
  int64_t patience = 10;
  double threshold = 1e-4;
  double min_lr = 0;
  int64_t cooldown = 0;
  std::string mode = "auto";
  static Fields fields();
  void prepare(const ScheduleContext& context) override;
  void observe(double value, bool higher_is_better) override;
  std::vector<double> state() const override;
  void set_state(const std::vector<double>& state) override;

 protected:
  double after_warmup(int64_t step) const override;

 private:
  double rate_ = 0;
  bool seen_ = false;
  double best_ = 0;
  int64_t bad_ = 0;
  int64_t cooling_ = 0;
};

}  // namespace dlb::optim
