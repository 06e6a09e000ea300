#pragma once
/// \file Schedules that fall along a simple curve. Here k counts from the end of the warm-up.

#include "dlb/optim/schedules.h"

namespace dlb::optim {

/// base (start_factor + (end_factor - start_factor) min(k, total_iters) / total_iters). PyTorch's LinearLR,
/// which rises from 1/3 to 1 by default; here the default falls to 0 over the run.
struct Linear : WarmupSchedule {
  double start_factor = 1;
  double end_factor = 0;
  std::optional<Duration> total_iters;
  static Fields fields();

 protected:
  double after_warmup(int64_t step) const override;
};

/// min_lr + (base - min_lr) (1 - min(k, total_iters) / total_iters)^power. PyTorch's PolynomialLR.
struct Polynomial : WarmupSchedule {
  double power = 1;
  double min_lr = 0;
  std::optional<Duration> total_iters;
  static Fields fields();

 protected:
  double after_warmup(int64_t step) const override;
};

/// base sqrt(t / (k + t)) with t = timescale, the length of the warm-up, or 10000 without one.
struct InverseSqrt : WarmupSchedule {
  std::optional<Duration> timescale;
  static Fields fields();
  void prepare(const ScheduleContext& context) override;

 protected:
  double after_warmup(int64_t step) const override;

 private:
  double scale_ = 1;
};

/// base dim^(-1/2) min(s^(-1/2), s warmup^(-3/2)) at update s from 1: with base 1 the rate of
/// **Source**: Vaswani et al., "Attention is all you need", NeurIPS 2017.
struct Noam : Schedule {
  int64_t dim = 512;
  Duration warmup{4000, false};
  static Fields fields();
  void prepare(const ScheduleContext& context) override;
  double lr(int64_t step) const override;

 private:
  double warmup_steps_ = 1;
};

}  // namespace dlb::optim
