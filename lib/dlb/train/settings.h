#pragma once
/// \file The `train` and `weights` sections of a config.

#include <cstdint>
#include <optional>
#include <string>

#include "dlb/base/fields.h"
#include "dlb/config/node.h"

namespace dlb::train {

/// Which checkpoints stay on disk.
struct KeepSettings {
  std::string best;  ///< a metric of the monitored split, "" = none
  int64_t last = 1;
  static Fields fields();
};

struct CheckpointSettings {
  Duration every{1, true};
  KeepSettings keep;
  static Fields fields();
};

struct EarlyStoppingSettings {
  int64_t patience = 0;  ///< 0: the section is absent
  std::string metric = "loss";
  double min_delta = 0;
  std::string mode = "auto";
  static Fields fields();
};

/// The `train` section. The run ends at `epochs` or `steps`, whichever comes first; with `steps` alone,
/// epochs are unlimited.
struct TrainSettings {
  std::optional<int64_t> epochs;  ///< 1 when neither epochs nor steps is given
  std::optional<int64_t> steps;
  double clip_norm = 0;  ///< 0: off, as the next two
  double clip_value = 0;
  double ema = 0;
  int64_t accumulate = 1;
  Duration eval_every{1, true};
  CheckpointSettings checkpoint;
  EarlyStoppingSettings early_stopping;
  std::string on_nan = "stop";
  int64_t log_every = 50;
  static Fields fields();
};

/// The `weights` section: where the initial weights come from.
struct WeightsSettings {
  std::string from;  ///< a safetensors file, relative to the config's folder
  bool strict = true;
  std::string prefix;
  config::Node map;  ///< name in the model -> name in the file
  static Fields fields();
};

/// The top-level keys of a config.
struct ConfigSections {
  std::string name;
  std::string description;
  std::string base;
  int64_t seed = 1;
  config::Node vars, blocks, data, model, loss, optimizer, schedule, metrics;
  TrainSettings train;
  config::Node weights;
  static Fields fields();
};

}  // namespace dlb::train
