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
  void read_vars();
  void read_head();
  void read_data();
  void read_model();
  void read_loss();
  void read_metrics();
  void read_optimizer();
  void read_schedule();
  void read_weights();
  void check_metric_names();
  void check_variables_used();
  void sum_up();

  /// The node at a path below the root, or the last one on the way to it.
  config::Node node_at(std::initializer_list<std::string_view> path) const;
  /// Runs `body`; an Error that it raises is recorded, at `node` unless it has a place.
  template <class F>
  bool guarded(const config::Node& node, const F& body);
  /// Stand-ins without data for the model's output and the target of one batch.
  Tensor prediction() const;
  Tensor target() const;

  Experiment& e_;
  ConfigSections sections_;
  config::Scope facts_;  ///< of the data; a variable of the same name hides one
  config::Scope vars_;
  ErrorList errors_;
  config::Reader reader_;
};

/// Applies the `weights` section to a model that has its initial values. Errors: io, data.
void load_initial_weights(Experiment& experiment);

}  // namespace dlb::train
