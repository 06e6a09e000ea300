#pragma once
/// \file A model with its trained weights, from what a command names: a config, a run or a checkpoint.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dlb/train/checkpoint.h"
#include "dlb/train/experiment.h"

namespace dlb::train {

/// What is asked for.
struct TrainedOptions {
  std::string target;  ///< a config, a run folder or a checkpoint folder
  std::vector<std::string> overrides = {};
  std::string weights = {};      ///< a file or a checkpoint folder, instead of the target's
  bool override_runs = false;    ///< overrides are for the config of a run, too
  bool initial_allowed = false;  ///< initial weights will do where there are no trained ones
};

/// An experiment and where its weights come from.
struct Trained {
  TrainedOptions options;
  std::unique_ptr<Experiment> experiment;
  std::string run;                       ///< folder; "" for a config
  std::optional<Checkpoint> checkpoint;  ///< of a run: the newest intact one
};

/// Opens what is asked for; the model has no weights yet. Errors: config, data, and those of
/// Experiment::load().
Trained open_trained(TrainedOptions options);

/// Gives the model its weights: those asked for, else the checkpoint's, else those that the config's section
/// `weights` names, else, if they are allowed, initial ones; then it returns false. Errors: config, io, data.
bool load_trained_weights(const Trained& trained);

}  // namespace dlb::train
