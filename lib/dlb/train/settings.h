#pragma once
/// \file The sections of a config that have no folder of their own.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

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

/// An entry of `train.phases`: an update of its own, for models that need more than one loss.
struct PhaseSettings {
  std::string name;
  config::Node run;   ///< steps; null: the model
  config::Node loss;  ///< null: that of the config, as the next two
  config::Node optimizer, schedule;
  std::vector<std::string> update;  ///< patterns of parameter names, or names of networks; empty: all
  int64_t every = 1;
  int64_t times = 1;
  std::optional<double> clip_norm, clip_value;
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
  config::Node phases;
  static Fields fields();
};

/// What a loss may say besides its own fields; objective.cpp reads it.
struct LossSettings {
  config::Node in, target, weight, as;
  static Fields fields();
};
/// What a metric may say besides its own fields.
struct MetricSettings {
  config::Node in, target, as;
  static Fields fields();
};

/// The `weights` section, or an entry of it: where the initial weights come from.
struct WeightsSettings {
  std::string from;  ///< a safetensors file, ONNX file or program, relative to the config's folder
  bool strict = true;
  std::string prefix;
  config::Node map;  ///< name in the model -> name in the file, either with `*`; or the file with that
  static Fields fields();
};

/// What a value of `expect` must reach.
struct ExpectSettings {
  std::optional<double> min, max;
  static Fields fields();
};

/// The top-level keys of a config.
struct ConfigSections {
  std::string name;
  std::string description;
  std::string base;
  int64_t seed = 1;
  config::Node vars, blocks, data, model, models, loss, optimizer, schedule, metrics;
  TrainSettings train;
  config::Node init, freeze, weights, expect;
  static Fields fields();
};

}  // namespace dlb::train
