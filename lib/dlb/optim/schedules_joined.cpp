#include "dlb/optim/schedules_joined.h"

#include "dlb/config/reader.h"

namespace dlb::optim {

namespace {

struct Milestone {
  Duration when;
  static Fields fields() {
    static const Field list[] = {required<&Milestone::when>("milestones", "steps or epochs", positive())};
    return list;
  }
};

const Field& list_field() {
  static const Field f = evaluated(required<&Joined::schedules>("schedules", "list of schedules"));
  return f;
}

}  // namespace

bool Joined::read(ErrorList& errors, std::string_view name) {
  parts_.clear();
  const config::Scope scope;
  config::Reader reader(errors, scope);
  if (!schedules.is_list() || schedules.items().empty()) {
    reader.error(schedules,
                 fmt::format("{}.schedules is a list of schedules, got {}", name, schedules.found()));
    return false;
  }
  for (const config::Node& node : schedules.items()) {
    const std::optional<config::Choice> chosen = reader.choice(node, "schedule");
    if (!chosen) continue;
    if (chosen->name == "plateau" || chosen->name == "sequential" || chosen->name == "chained") {
      reader.error(chosen->name_node, fmt::format("{} cannot be part of {}", chosen->name, name));
      continue;
    }
    std::unique_ptr<Schedule> part = reader.make(*chosen, schedule_types(), "schedule");
    if (part) parts_.push_back(std::move(part));
  }
  return parts_.size() == schedules.items().size();
}

void Joined::prepare_part(ErrorList& errors, size_t i, int64_t steps) {
  try {
    parts_[i]->prepare({context_.base_lr, steps, context_.steps_per_epoch});
  } catch (Error& e) {
    const config::Node& node = schedules.items()[i];
    e.at(node.mark().str());
    if (e.context.empty() && !node.path().empty()) e.in("in " + node.path());
    errors.add(e);
  }
}

Fields Sequential::fields() {
  static const Field list[] = {
      list_field(),
      evaluated(required<&Sequential::milestones>(
          "milestones", "steps or epochs at which the next schedule takes over, one fewer than schedules")),
  };
  return list;
}

void Sequential::prepare(const ScheduleContext& context) {
  Schedule::prepare(context);
  ErrorList errors;
  const config::Scope scope;
  config::Reader reader(errors, scope);
  begins_ = {0};
  const auto add = [&](const config::Node& node) {
    Milestone m;
    if (!reader.read(node, Milestone::fields(), &m, "sequential")) return;
    const int64_t at = m.when.steps(context.steps_per_epoch);
    if (at <= begins_.back())
      reader.error(node,
                   fmt::format("milestones must rise: step {} comes after step {}", at, begins_.back()));
    if (at >= context.total_steps)
      reader.error(node, fmt::format("the milestone at step {} is not within the run of {} steps", at,
                                     context.total_steps));
    begins_.push_back(at);
  };
  if (milestones.is_list()) {
    for (const config::Node& node : milestones.items()) add(node);
  } else {
    add(milestones);
  }
  const bool read_all = read(errors, "sequential");
  errors.throw_if_any();
  DLB_CHECK(read_all);
  if (begins_.size() != parts_.size()) {
    throw milestones.error(fmt::format("{} schedules need {} milestones, got {}", parts_.size(),
                                       parts_.size() - 1, begins_.size() - 1));
  }
  for (size_t i = 0; i < parts_.size(); ++i) {
    const int64_t end = i + 1 < parts_.size() ? begins_[i + 1] : context.total_steps;
    prepare_part(errors, i, end - begins_[i]);
  }
  errors.throw_if_any();
}

double Sequential::lr(int64_t step) const {
  size_t i = parts_.size() - 1;
  while (begins_[i] > step) --i;
  return parts_[i]->lr(step - begins_[i]);
}

Fields Chained::fields() {
  static const Field list[] = {list_field()};
  return list;
}

void Chained::prepare(const ScheduleContext& context) {
  Schedule::prepare(context);
  ErrorList errors;
  const bool read_all = read(errors, "chained");
  errors.throw_if_any();
  DLB_CHECK(read_all);
  for (size_t i = 0; i < parts_.size(); ++i) prepare_part(errors, i, context.total_steps);
  errors.throw_if_any();
}

double Chained::lr(int64_t step) const {
  double rate = context_.base_lr;
  for (const auto& part : parts_) rate *= context_.base_lr > 0 ? part->lr(step) / context_.base_lr : 0;
  return rate;
}

}  // namespace dlb::optim
