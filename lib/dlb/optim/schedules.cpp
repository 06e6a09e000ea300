#include "dlb/optim/schedules.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "dlb/config/reader.h"

namespace dlb::optim {

namespace {

struct Milestone {
  Duration when;
  static Fields fields() {
    static const Field list[] = {required<&Milestone::when>("at", "steps or epochs", non_negative())};
    return list;
  }
};

}  // namespace

std::vector<Field> with_warmup(std::vector<Field> own) {
  own.push_back(field<&WarmupSchedule::warmup>("warmup", "length of the linear warm-up, in steps or epochs",
                                               non_negative()));
  own.push_back(field<&WarmupSchedule::warmup_start>(
      "warmup_start", "factor of the rate at which the warm-up begins", between(0, 1)));
  return own;
}

int64_t at_least_one_step(const Duration& length, const ScheduleContext& context, std::string_view schedule,
                          std::string_view field) {
  const int64_t steps = length.steps(context.steps_per_epoch);
  if (steps < 1) fail(ErrorKind::kConfig, "schedule {}: `{}` must be at least one step", schedule, field);
  return steps;
}

void WarmupSchedule::prepare(const ScheduleContext& context) {
  Schedule::prepare(context);
  warmup_steps_ = warmup.steps(context.steps_per_epoch);
  if (warmup_steps_ > 0 && warmup_steps_ >= context.total_steps) {
    fail(ErrorKind::kConfig, "schedule: the warm-up of {} steps is not shorter than the run of {} steps",
         warmup_steps_, context.total_steps);
  }
}

double WarmupSchedule::lr(int64_t step) const {
  if (step >= warmup_steps_) return after_warmup(step);
  const double done = static_cast<double>(step) / static_cast<double>(warmup_steps_);
  return context_.base_lr * (warmup_start + (1 - warmup_start) * done);
}

int64_t WarmupSchedule::length_of(const std::optional<Duration>& length) const {
  return length ? length->steps(context_.steps_per_epoch) : context_.total_steps - warmup_steps_;
}

Fields Constant::fields() {
  static const std::vector<Field> list = with_warmup({
      field<&Constant::factor>("factor", "of the optimizer's rate", non_negative()),
      field<&Constant::total_iters>("total_iters", "steps or epochs of that factor; all when not given",
                                    non_negative()),
  });
  return list;
}

double Constant::after_warmup(int64_t step) const {
  const bool scaled = !total_iters || step - warmup_steps() < length_of(total_iters);
  return context_.base_lr * (scaled ? factor : 1);
}

Fields StepDecay::fields() {
  static const std::vector<Field> list = with_warmup({
      required<&StepDecay::every>("every", "steps or epochs between two reductions", positive()),
      field<&StepDecay::gamma>("gamma", "factor of each reduction", positive()),
  });
  return list;
}

void StepDecay::prepare(const ScheduleContext& context) {
  WarmupSchedule::prepare(context);
  period_ = at_least_one_step(every, context, "step", "every");
}

double StepDecay::after_warmup(int64_t step) const {
  return context_.base_lr * std::pow(gamma, static_cast<double>(step / period_));
}

Fields MultiStep::fields() {
  static const std::vector<Field> list = with_warmup({
      evaluated(required<&MultiStep::at>("at", "list of steps or epochs at which the rate is reduced")),
      field<&MultiStep::gamma>("gamma", "factor of each reduction", positive()),
  });
  return list;
}

void MultiStep::prepare(const ScheduleContext& context) {
  WarmupSchedule::prepare(context);
  milestones_.clear();
  ErrorList errors;
  const config::Scope scope;
  config::Reader reader(errors, scope);
  const auto add = [&](const config::Node& node) {
    Milestone m;
    if (reader.read(node, Milestone::fields(), &m, "multi_step.at"))
      milestones_.push_back(m.when.steps(context.steps_per_epoch));
  };
  if (at.is_list()) {
    for (const config::Node& node : at.items()) add(node);
  } else {
    add(at);
  }
  errors.throw_if_any();
  std::sort(milestones_.begin(), milestones_.end());
}

double MultiStep::after_warmup(int64_t step) const {
  const auto passed = std::upper_bound(milestones_.begin(), milestones_.end(), step) - milestones_.begin();
  return context_.base_lr * std::pow(gamma, static_cast<double>(passed));
}

Fields Exponential::fields() {
  static const std::vector<Field> list = with_warmup({
      field<&Exponential::gamma>("gamma", "factor for each period", positive()),
      field<&Exponential::every>("every", "the period, in steps or epochs", positive()),
      field<&Exponential::smooth>("smooth", "change the rate at each step, not once a period"),
  });
  return list;
}

void Exponential::prepare(const ScheduleContext& context) {
  WarmupSchedule::prepare(context);
  period_ = at_least_one_step(every, context, "exponential", "every");
}

double Exponential::after_warmup(int64_t step) const {
  const double periods =
      smooth ? static_cast<double>(step) / static_cast<double>(period_) : static_cast<double>(step / period_);
  return context_.base_lr * std::pow(gamma, periods);
}

Fields Cosine::fields() {
  static const std::vector<Field> list = [] {
    std::vector<Field> own = with_warmup({});  // first, so that `cosine: 500` sets the warm-up
    own.push_back(field<&Cosine::min_lr>("min_lr", "rate towards which each cycle falls", non_negative()));
    own.push_back(field<&Cosine::cycles>("cycles", "number of falls, each from the full rate", positive()));
    return own;
  }();
  return list;
}

double Cosine::after_warmup(int64_t step) const {
  const auto length = static_cast<double>(std::max<int64_t>(context_.total_steps - warmup_steps(), 1));
  const double through = static_cast<double>(step - warmup_steps()) / length * static_cast<double>(cycles);
  if (through >= static_cast<double>(cycles)) return min_lr;
  const double p = through - std::floor(through);
  return min_lr + (context_.base_lr - min_lr) * (1 + std::cos(std::numbers::pi * p)) / 2;
}

Fields OneCycle::fields() {
  static const Field list[] = {
      field<&OneCycle::max_lr>("max_lr", "largest rate; the optimizer's when not given", positive()),
      field<&OneCycle::pct_start>("pct_start", "share of the run in which the rate rises", between(0, 1)),
      field<&OneCycle::div_factor>("div_factor", "the rate begins at max_lr divided by this", positive()),
      field<&OneCycle::final_div_factor>("final_div_factor",
                                         "the rate ends at its first value divided by this", positive()),
      field<&OneCycle::anneal>("anneal", "form of both ramps", one_of({"cos", "linear"})),
  };
  return list;
}

double OneCycle::lr(int64_t step) const {
  const double top = max_lr.value_or(context_.base_lr);
  const double first = top / div_factor;
  const double last = first / final_div_factor;
  const double peak = pct_start * static_cast<double>(context_.total_steps) - 1;
  const double end = static_cast<double>(context_.total_steps) - 1;
  const auto k = static_cast<double>(step);
  const auto ramp = [&](double from, double to, double begin, double finish) {
    const double p = finish > begin ? std::min((k - begin) / (finish - begin), 1.0) : 1.0;
    if (anneal == "linear") return from + (to - from) * p;
    return to + (from - to) / 2 * (1 + std::cos(std::numbers::pi * p));
  };
  return k <= peak ? ramp(first, top, 0, peak) : ramp(top, last, std::max(peak, 0.0), end);
}

Fields Plateau::fields() {
  static const std::vector<Field> list = with_warmup({
      field<&Plateau::factor>("factor", "factor of each reduction", between(0, 1)),
      field<&Plateau::patience>("patience", "evaluations without improvement that are tolerated",
                                non_negative()),
      field<&Plateau::threshold>("threshold", "smallest relative improvement that counts", non_negative()),
      field<&Plateau::min_lr>("min_lr", "the rate is not reduced below this", non_negative()),
      field<&Plateau::cooldown>("cooldown", "evaluations after a reduction that count for nothing",
                                non_negative()),
      field<&Plateau::mode>("mode", "whether lower or higher is better; auto: as the monitored metric says",
                            one_of({"auto", "min", "max"})),
  });
  return list;
}

void Plateau::prepare(const ScheduleContext& context) {
  WarmupSchedule::prepare(context);
  rate_ = context.base_lr;
  seen_ = false;
  bad_ = cooling_ = 0;
}

double Plateau::after_warmup(int64_t /*step*/) const { return rate_; }

void Plateau::observe(double value, bool higher_is_better) {
  const bool higher = mode == "auto" ? higher_is_better : mode == "max";
  const bool better =
      !std::isnan(value) &&
      (!seen_ || (higher ? value > best_ * (1 + threshold) : value < best_ * (1 - threshold)));
  if (better) {
    best_ = value;
    seen_ = true;
    bad_ = 0;
  } else {
    ++bad_;
  }
  if (cooling_ > 0) {
    --cooling_;
    bad_ = 0;
  }
  if (bad_ <= patience) return;
  const double reduced = std::max(rate_ * factor, min_lr);
  if (rate_ - reduced > 1e-8) rate_ = reduced;  // PyTorch's eps: smaller changes are not worth making
  cooling_ = cooldown;
  bad_ = 0;
}

std::vector<double> Plateau::state() const {
  return {rate_, seen_ ? 1.0 : 0.0, best_, static_cast<double>(bad_), static_cast<double>(cooling_)};
}

void Plateau::set_state(const std::vector<double>& state) {
  if (state.size() != 5)
    fail(ErrorKind::kData, "the state of schedule plateau has 5 numbers, got {}", state.size());
  rate_ = state[0];
  seen_ = state[1] != 0;
  best_ = state[2];
  bad_ = static_cast<int64_t>(state[3]);
  cooling_ = static_cast<int64_t>(state[4]);
}

}  // namespace dlb::optim
