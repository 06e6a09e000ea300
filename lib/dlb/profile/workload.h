#pragma once
/// \file The steps that are profiled: updates of a training, or forward passes.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dlb/train/batches.h"
#include "dlb/train/experiment.h"
#include "dlb/train/updater.h"

namespace dlb::profile {

/// A config, or a run with its newest weights, ready to do steps. Nothing is written.
class Workload {
 public:
  /// `target`: a config, a run folder or a checkpoint folder. With `infer`, forward passes of the model in
  /// evaluation mode on the test split, else val, else train. Errors: those of configs, data and weights.
  Workload(const std::string& target, const std::vector<std::string>& overrides, bool infer);

  /// Does the next step and returns the number of its samples. Starts over at the end of an epoch.
  int64_t step();

  const train::Experiment& experiment() const { return *experiment_; }
  bool infers() const { return infer_; }
  /// Bytes of weights and running statistics, and of the optimizers' state.
  size_t weight_bytes() const;
  size_t optimizer_bytes() const;
  std::string dtype() const;

 private:
  void start_epoch_if_due();
  int64_t update();
  int64_t forward();

  std::unique_ptr<train::Experiment> experiment_;
  bool infer_;
  std::string data_place_ = "data";
  std::optional<train::Batches> batches_;
  std::optional<train::Updater> updater_;
  train::Position at_;
  int64_t epoch_ = 0;
  int64_t batch_ = 0;  ///< within the epoch
  bool started_ = false;
};

}  // namespace dlb::profile
