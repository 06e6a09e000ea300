#pragma once
/// \file Schedules that repeat. Here k counts from the end of the warm-up.

#include "dlb/optim/schedules.h"

namespace dlb::optim {

/// min_lr + (base - min_lr) (1 + cos(pi p)) / 2 where p runs from 0 to 1 in periods of t_0, t_0 t_mult,
/// t_0 t_mult^2, ... PyTorch's CosineAnnealingWarmRestarts. **Source**: Loshchilov & Hutter, "SGDR", 2017.
struct CosineRestarts : WarmupSchedule {
  Duration t_0;
  int64_t t_mult = 1;
  double min_lr = 0;
  static Fields fields();
  void prepare(const ScheduleContext& context) override;

 protected:
  double after_warmup(int64_t step) const override;

 private:
  int64_t period_ = 1;
};

/// base + (max_lr - base) h s: h rises from 0 to 1 in step_size_up updates and falls back in step_size_down;
/// in cycle c from 1, s is 1 (triangular), 2^(1 - c) (triangular2) or gamma^k (exp_range). PyTorch's
/// CyclicLR, which does not move the momentum here. **Source**: Smith, "Cyclical learning rates", 2017.
struct Cyclic : WarmupSchedule {
  double max_lr = 0;
  Duration step_size_up{2000, false};
  std::optional<Duration> step_size_down;
  std::string mode = "triangular";
  double gamma = 1;
  static Fields fields();
  void prepare(const ScheduleContext& context) override;

 protected:
  double after_warmup(int64_t step) const override;

 private:
  double up_ = 1, down_ = 1;
};

}  // namespace dlb::optim
