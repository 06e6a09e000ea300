/// \file Losses, optimizers and schedules: one of each, or those of the phases.

#include <algorithm>
#include <set>

#include "dlb/train/loading.h"
#include "dlb/train/patterns.h"
#include "dlb/train/updater.h"

namespace dlb::train {

using config::Node;

namespace {

/// Passes of all phases in one update, at most: each has its own range of random streams.
constexpr int64_t kMaxPasses = 4096;

}  // namespace

void Loading::read_phases() {
  const Node& list = e_.train.phases;
  if (list.is_null()) {
    PhaseSettings whole;
    const bool loss = needs(sections_.loss, "loss");
    if (needs(sections_.optimizer, "optimizer") && loss) read_phase(whole, e_.document.root());
    if (!e_.phases.empty() && e_.phases[0].objective) e_.evaluated.push_back({"", e_.phases[0].objective});
    return;
  }
  if (!list.is_list() || list.items().empty()) {
    reader_.error(list, fmt::format("phases must be a list of {{name, ...}}, got {}",
                                    list.is_list() ? "an empty one" : list.found()));
    return;
  }
  std::set<std::string> names;
  int64_t passes = 0;
  for (const Node& node : list.items()) {
    PhaseSettings settings;
    if (!node.is_map()) {
      reader_.error(node, fmt::format("a phase must be a map {{name, ...}}, got {}", node.found()));
      continue;
    }
    if (!reader_.read(node, PhaseSettings::fields(), &settings, "phase")) continue;
    const std::string& name = settings.name;
    if (name.empty() || name.find_first_of("/ \t\n") != std::string::npos) {
      reader_.error(*node.find("name"), fmt::format("'{}' cannot be the name of a phase", name),
                    "use letters, digits, '-' and '_'");
    } else if (!names.insert(name).second) {
      reader_.error(*node.find("name"), fmt::format("two phases are named '{}'", name));
    }
    passes += settings.times;
    read_phase(settings, node);
  }
  if (passes > kMaxPasses)
    reader_.error(list,
                  fmt::format("the phases make {} passes in an update; at most {}", passes, kMaxPasses));
  if (!sections_.loss.is_null()) {
    whole_ = Objective::read(reader_, sections_.loss, samples());
    if (whole_) e_.evaluated.push_back({"", whole_});
  } else {
    e_.evaluated = e_.trained();
  }
}

void Loading::read_phase(const PhaseSettings& settings, const Node& at) {
  const auto either = [&](const Node& own, const Node& common, std::string_view key) {
    if (own.is_null() && common.is_null())
      reader_.error(at,
                    fmt::format("phase '{0}' has no {1}, and neither has the config", settings.name, key));
    return own.is_null() ? common : own;
  };
  const Node loss = either(settings.loss, sections_.loss, "loss");
  PhaseSource source{settings, at, either(settings.optimizer, sections_.optimizer, "optimizer"),
                     settings.schedule.is_null() ? sections_.schedule : settings.schedule};
  Phase phase;
  phase.name = settings.name;
  phase.update = settings.update;
  phase.every = settings.every;
  phase.times = settings.times;
  phase.clip_norm = settings.clip_norm.value_or(e_.train.clip_norm);
  phase.clip_value = settings.clip_value.value_or(e_.train.clip_value);
  if (!loss.is_null()) phase.objective = Objective::read(reader_, loss, samples());
  if (!source.optimizer.is_null())
    phase.optimizer = reader_.make(source.optimizer, optim::optimizer_types(), "optimizer");
  const Node schedule =
      source.schedule.is_null() ? Node::string("constant", source.schedule.mark()) : source.schedule;
  phase.schedule = reader_.make(schedule, optim::schedule_types(), "schedule");
  phase.optimizer_where = line_of(source.optimizer);
  phases_.push_back(std::move(source));
  e_.phases.push_back(std::move(phase));
}

void Loading::bind_phases() {
  size_t programs = 0;
  for (size_t i = 0; i < e_.phases.size(); ++i) {
    const size_t program = phases_[i].settings.run.is_null() ? 0 : ++programs;
    if (e_.phases[i].objective) {
      e_.phases[i].objective->bind(reader_, *e_.model, program, e_.data->spec(), e_.data->batch());
    }
    bind_phase(i);
  }
  if (whole_) whole_->bind(reader_, *e_.model, 0, e_.data->spec(), e_.data->batch());
}

/// Gives the phase's optimizer its parameters.
void Loading::bind_phase(size_t index) {
  Phase& phase = e_.phases[index];
  const PhaseSource& source = phases_[index];
  const std::vector<nn::Variable>& variables = e_.model->variables();
  if (!phase.update.empty()) {
    const Node* update = source.at.find("update");
    const size_t before = errors_.size();
    check_patterns(reader_, update == nullptr ? source.at : *update, phase.update, variables, "update");
    if (errors_.size() > before) return;
  }
  std::vector<optim::Param> params;
  for (optim::Param& p : trainable(*e_.model)) {
    if (phase.update.empty() || any_covers(phase.update, p.name)) params.push_back(std::move(p));
  }
  if (params.empty() && !phase.name.empty()) {
    reader_.error(source.at, fmt::format("phase '{}' has no parameter to update", phase.name),
                  e_.freeze.empty() ? "" : "`freeze` leaves none of them");
    return;
  }
  if (phase.optimizer) guarded(source.optimizer, [&] { phase.optimizer->attach(std::move(params)); });
}

void Loading::read_schedules() {
  if (e_.totals.steps_per_epoch == 0) return;
  for (size_t i = 0; i < e_.phases.size(); ++i) {
    Phase& phase = e_.phases[i];
    if (!phase.schedule || !phase.optimizer) continue;
    // In updates of this phase's own.
    const auto own = [&](int64_t steps) {
      const int64_t turns = steps / phase.every + (steps % phase.every != 0 ? 1 : 0);
      int64_t all = 0;
      return __builtin_mul_overflow(turns, phase.times, &all) ? INT64_MAX : all;
    };
    guarded(phases_[i].schedule, [&] {
      phase.schedule->prepare({phase.optimizer->lr, own(e_.totals.steps), own(e_.totals.steps_per_epoch)});
    });
  }
}

}  // namespace dlb::train
