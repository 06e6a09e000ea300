#pragma once
/// \file From a document to an experiment, section by section.

#include <string>
#include <string_view>
#include <vector>

#include "dlb/base/error_list.h"
#include "dlb/config/reader.h"
#include "dlb/train/experiment.h"

namespace dlb::train {

/// Fills an experiment from its document. Goes on after errors as far as what follows can still be judged,
/// and reports all of them.
class Loading {
 public:
  explicit Loading(Experiment& experiment) : e_(experiment), vars_(&facts_), reader_(errors_, vars_) {}
  void run();

 private:
  // loading.cpp
  void read_vars();
  void read_head();
  void read_data();
  void read_model();
  void check_policy();
  void read_metrics();
  void bind_metrics();
  void check_metric_names();
  void check_variables_used();
  void sum_up();

  // loading_phases.cpp
  void read_phases();
  void read_phase(const PhaseSettings& settings, const config::Node& at);
  void bind_phases();
  void bind_phase(size_t index);
  void read_schedules();

  // loading_initial.cpp
  void read_init();
  void read_freeze();
  void read_weights();

  /// The node at a path below the root, or the last one on the way to it.
  config::Node node_at(std::initializer_list<std::string_view> path) const;
  /// Runs `body`; an Error that it raises is recorded, at `node` unless it has a place.
  template <class F>
  bool guarded(const config::Node& node, const F& body) {
    try {
      body();
      return true;
    } catch (Error& error) {
      errors_.add(std::move(error.at(node.mark().str())));
      return false;
    }
  }
  /// The section that a config must have: records an error and returns false when it does not.
  bool needs(const config::Node& section, std::string_view key);
  const data::SampleSpec* samples() const { return e_.data ? &e_.data->spec() : nullptr; }

  /// What a phase is made of besides its settings.
  struct PhaseSource {
    PhaseSettings settings;
    config::Node at;
    config::Node optimizer, schedule;
  };

  Experiment& e_;
  ConfigSections sections_;
  std::vector<PhaseSource> phases_;  ///< those of e_.phases
  bool phases_wrong_ = false;        ///< some may be missing
  /// With phases: the config's loss, which evaluations measure on the outputs of the model.
  std::shared_ptr<Objective> whole_;
  config::Scope facts_;  ///< of the data; a variable of the same name hides one
  config::Scope vars_;
  ErrorList errors_;
  config::Reader reader_;
};

/// Applies the `weights` section to a model that has its initial values. Errors: io, data.
void load_initial_weights(Experiment& experiment);

}  // namespace dlb::train
