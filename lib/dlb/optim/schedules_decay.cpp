#include "dlb/optim/schedules_decay.h"

#include <algorithm>
#include <cmath>

namespace dlb::optim {

namespace {

/// Share of `length` steps that is over after `done`, at most 1.
double share(int64_t done, int64_t length) {
  return done >= length ? 1 : static_cast<double>(done) / static_cast<double>(length);
}

}  // namespace

Fields Linear::fields() {
  static const std::vector<Field> list = with_warmup({
      field<&Linear::start_factor>("start_factor", "of the optimizer's rate, at first", non_negative()),
      field<&Linear::end_factor>("end_factor", "of the optimizer's rate, at the end", non_negative()),
      field<&Linear::total_iters>("total_iters", "steps or epochs between both; the run when not given",
                                  positive()),
  });
  return list;
}

double Linear::after_warmup(int64_t step) const {
  const double done = share(step - warmup_steps(), length_of(total_iters));
  return context_.base_lr * (start_factor + (end_factor - start_factor) * done);
}

Fields Polynomial::fields() {
  static const std::vector<Field> list = with_warmup({
      field<&Polynomial::power>("power", "1 falls along a line, 2 along a parabola", non_negative()),
      field<&Polynomial::min_lr>("min_lr", "rate at the end", non_negative()),
      field<&Polynomial::total_iters>("total_iters", "steps or epochs of the fall; the run when not given",
                                      positive()),
  });
  return list;
}

double Polynomial::after_warmup(int64_t step) const {
  const double left = 1 - share(step - warmup_steps(), length_of(total_iters));
  return min_lr + (context_.base_lr - min_lr) * std::pow(left, power);
}

Fields InverseSqrt::fields() {
  static const std::vector<Field> list = with_warmup({field<&InverseSqrt::timescale>(
      "timescale", "steps or epochs after which the rate has fallen to 1/sqrt(2); the warm-up, or 10000",
      positive())});
  return list;
}

void InverseSqrt::prepare(const ScheduleContext& context) {
  WarmupSchedule::prepare(context);
  scale_ = warmup_steps() > 0 ? static_cast<double>(warmup_steps()) : 10000;
  if (timescale)
    scale_ = static_cast<double>(at_least_one_step(*timescale, context, "inverse_sqrt", "timescale"));
}

double InverseSqrt::after_warmup(int64_t step) const {
  return context_.base_lr * std::sqrt(scale_ / (static_cast<double>(step - warmup_steps()) + scale_));
}

Fields Noam::fields() {
  static const Field list[] = {
      required<&Noam::dim>("dim", "width of the model", positive()),
      field<&Noam::warmup>("warmup", "steps or epochs in which the rate rises", positive()),
  };
  return list;
}

void Noam::prepare(const ScheduleContext& context) {
  Schedule::prepare(context);
  warmup_steps_ = static_cast<double>(at_least_one_step(warmup, context, "noam", "warmup"));
}

double Noam::lr(int64_t step) const {
  const auto s = static_cast<double>(step + 1);
  return context_.base_lr / std::sqrt(static_cast<double>(dim)) *
         std::min(1 / std::sqrt(s), s * std::pow(warmup_steps_, -1.5));
}

}  // namespace dlb::optim
