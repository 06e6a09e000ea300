#pragma once
/// \file A whole experiment as its config describes it, checked before any work starts.

#include <memory>
#include <string>
#include <vector>

#include "dlb/config/document.h"
#include "dlb/data/data_config.h"
#include "dlb/metrics/metric.h"
#include "dlb/model/model.h"
#include "dlb/model/weights.h"
#include "dlb/optim/optimizer.h"
#include "dlb/optim/schedule.h"
#include "dlb/train/expect.h"
#include "dlb/train/objective.h"
#include "dlb/train/settings.h"

namespace dlb::train {

/// A metric with the name it has in records: its type's name, or `as`.
struct NamedMetric {
  std::string name;
  std::unique_ptr<metrics::Metric> metric;
  ValueUses uses = {};   ///< of the outputs of program 0
  config::Node at = {};  ///< where it stands
  std::string type = {};
};

/// One of the updates that are done for each window of batches; without `train.phases` there is one, of
/// everything.
struct Phase {
  std::string name;  ///< "" without `train.phases`
  std::shared_ptr<Objective> objective;
  std::unique_ptr<optim::Optimizer> optimizer;  ///< has the parameters that the phase updates
  std::string optimizer_where;                  ///< "file:line"
  std::unique_ptr<optim::Schedule> schedule;    ///< prepared
  std::vector<std::string> update;              ///< patterns of the parameters; empty: all
  int64_t every = 1;
  int64_t times = 1;
  double clip_norm = 0;
  double clip_value = 0;
  size_t program() const { return objective->program(); }
};

/// Sizes known before a run; memory is an estimate of the largest training batch.
struct Totals {
  int64_t params = 0;        ///< trainable numbers
  int64_t frozen = 0;        ///< numbers of parameters that are not trained
  double forward_flops = 0;  ///< of one batch
  double step_flops =
      0;  ///< of one update: accumulate * (forward + backward), backward counted as two forwards
  size_t activation_bytes = 0;  ///< kept for the backward pass
  size_t peak_bytes =
      0;  ///< weights, gradients, optimizer state, averages, activations and prefetched batches
  int64_t steps_per_epoch = 0;  ///< updates
  int64_t steps = 0;            ///< updates in the whole run
};

/// An experiment: every section of the config made into its object, the model on kMeta (no memory is taken),
/// the data's headers read.
class Experiment {
 public:
  /// Reads and checks everything: syntax, fields, data headers, shapes of each layer, losses and metrics
  /// against the model's values, metric names, durations, unused variables. Raises one Error that carries all
  /// that is wrong. Reads no data beyond headers.
  static std::unique_ptr<Experiment> load(const std::string& file,
                                          const std::vector<std::string>& overrides = {});
  /// As load(), from a document; with `data` on data sets that a program has made itself, in place of the
  /// section `data`.
  static std::unique_ptr<Experiment> load(config::Document document,
                                          std::unique_ptr<data::DataModule> data = nullptr);

  std::string file;  ///< the main config file
  config::Document document;
  std::string name;  ///< the config's `name`, else the file's
  std::string description;
  std::string base;  ///< the folder that relative paths start from
  uint64_t seed = 1;
  TrainSettings train;
  std::vector<WeightsSettings> weights;
  std::vector<std::string> freeze;  ///< patterns

  std::unique_ptr<data::DataModule> data;
  std::string data_where;  ///< "file:line" of the section
  std::unique_ptr<model::Model> model;
  std::vector<Phase> phases;  ///< at least one
  /// What evaluations measure as the loss: that of the config, of the model's outputs; where there is none,
  /// the losses of the phases.
  std::vector<NamedObjective> evaluated;
  std::vector<NamedMetric> metrics;
  std::vector<Expectation> expect;
  Totals totals;

  /// The split that `keep.best`, early stopping and `plateau` look at: "val" if the data has one, else
  /// "test", else "".
  std::string monitor_split;
  /// Whether the data are episodes of an environment, which the model plays.
  bool plays() const { return data && data->environment() != nullptr; }
  /// What the model sees of a batch.
  std::vector<Tensor> inputs_of(const data::Batch& batch) const;
  /// Names that records of the monitored split have: "loss", losses by name, the metrics, and "reward" (mean
  /// over episodes) of an environment.
  std::vector<std::string> metric_names() const;
  /// Whether a higher value of that metric is better; false for losses.
  bool higher_is_better(const std::string& metric) const;
  /// The phases' objectives by name: what records of training hold.
  std::vector<NamedObjective> trained() const;
};

/// The resolved config as YAML: one file that repeats the run. Relative paths are pinned by `base` where the
/// config has any.
std::string resolved_yaml(const Experiment& experiment);

}  // namespace dlb::train
