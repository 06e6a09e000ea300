#include "dlb/optim/schedules_cyclic.h"

#include <cmath>
#include <numbers>

namespace dlb::optim {

Fields CosineRestarts::fields() {
  static const std::vector<Field> list = with_warmup({
      required<&CosineRestarts::t_0>("t_0", "steps or epochs of the first period", positive()),
      field<&CosineRestarts::t_mult>("t_mult", "how many times as long each next period is", at_least(1)),
      field<&CosineRestarts::min_lr>("min_lr", "rate towards which each period falls", non_negative()),
  });
  return list;
}

void CosineRestarts::prepare(const ScheduleContext& context) {
  WarmupSchedule::prepare(context);
  period_ = at_least_one_step(t_0, context, "cosine_warm_restarts", "t_0");
}

double CosineRestarts::after_warmup(int64_t step) const {
  auto within = static_cast<double>(step - warmup_steps()), period = static_cast<double>(period_);
  if (t_mult == 1) {
    within = std::fmod(within, period);
  } else {
    for (; within >= period; period *= static_cast<double>(t_mult)) within -= period;
  }
  return min_lr + (context_.base_lr - min_lr) * (1 + std::cos(std::numbers::pi * within / period)) / 2;
}

Fields Cyclic::fields() {
  static const std::vector<Field> list = with_warmup({
      required<&Cyclic::max_lr>("max_lr", "largest rate; the optimizer's is the smallest", positive()),
      field<&Cyclic::step_size_up>("step_size_up", "steps or epochs in which the rate rises", positive()),
      field<&Cyclic::step_size_down>("step_size_down", "steps or epochs in which it falls; as many",
                                     positive()),
      field<&Cyclic::mode>("mode", "whether the height stays, halves each cycle, or falls by gamma",
                           one_of({"triangular", "triangular2", "exp_range"})),
      field<&Cyclic::gamma>("gamma", "factor of each step in mode exp_range", positive()),
  });
  return list;
}

void Cyclic::prepare(const ScheduleContext& context) {
  WarmupSchedule::prepare(context);
  up_ = static_cast<double>(at_least_one_step(step_size_up, context, "cyclic", "step_size_up"));
  down_ = up_;
  if (step_size_down)
    down_ = static_cast<double>(at_least_one_step(*step_size_down, context, "cyclic", "step_size_down"));
  if (max_lr < context.base_lr) {
    fail(ErrorKind::kConfig, "schedule cyclic: max_lr is {}, below the optimizer's rate of {}", max_lr,
         context.base_lr);
  }
}

double Cyclic::after_warmup(int64_t step) const {
  const auto k = static_cast<double>(step - warmup_steps());
  const double cycles = std::floor(k / (up_ + down_));
  const double within = k - cycles * (up_ + down_);
  const double height = within <= up_ ? within / up_ : (up_ + down_ - within) / down_;
  const double scale = mode == "triangular"    ? 1
                       : mode == "triangular2" ? std::pow(2, -cycles)
                                               : std::pow(gamma, k);
  return context_.base_lr + (max_lr - context_.base_lr) * height * scale;
}

}  // namespace dlb::optim
