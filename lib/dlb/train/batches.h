#pragma once
/// \file Where training and evaluation get their batches from.

#include <memory>
#include <optional>

#include "dlb/data/loader.h"
#include "dlb/data/rollouts.h"
#include "dlb/train/experiment.h"

namespace dlb::train {

/// The batches of a split in a fixed order: read by a loader, or episodes of an environment that the model
/// plays as it is when the batch is asked for.
class Batches {
 public:
  explicit Batches(std::unique_ptr<data::Loader> loader) : loader_(std::move(loader)) {}
  /// Of a split whose data has been opened; `training` as in DataModule::loader(). An environment is played
  /// by the scores that the first output of program 0 gives: drawn in training, the highest one otherwise.
  /// The experiment must outlive this.
  Batches(Experiment& experiment, const std::string& split, bool training);

  int64_t batches() const;  ///< in an epoch
  void start(int64_t epoch, int64_t first = 0);
  /// The next one, or nothing at the end of the epoch. Errors: those of the data, or of the model that plays.
  std::optional<data::Batch> next();

 private:
  std::unique_ptr<data::Loader> loader_;
  std::optional<data::Rollouts> rollouts_;
  data::Policy policy_;
};

/// Sum of the episodes' rewards in a batch, and how many there are.
TermSum episode_rewards(const data::Batch& batch);

}  // namespace dlb::train
