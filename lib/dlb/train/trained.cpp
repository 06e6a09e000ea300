#include "dlb/train/trained.h"

#include "dlb/base/files.h"
#include "dlb/base/log.h"
#include "dlb/io/weights.h"
#include "dlb/train/loading.h"
#include "dlb/train/run_folder.h"

namespace dlb::train {

Trained open_trained(TrainedOptions options) {
  Trained trained;
  const std::string& target = options.target;
  std::string config = target;
  if (files::is_folder(target)) {
    if (!options.overrides.empty() && !options.override_runs)
      fail(ErrorKind::kConfig, "--set changes a config; '{}' is a folder with a config of its own", target);
    if (is_checkpoint_folder(target)) {
      trained.run = run_of_checkpoint(target);
      if (trained.run.empty())
        fail(ErrorKind::kConfig, "'{}': this checkpoint is not inside a run folder", target);
      trained.checkpoint = read_checkpoint(target, false);
    } else if (!is_run_folder(target)) {
      fail(ErrorKind::kConfig, "'{}' is neither a run folder (no config.yaml) nor a checkpoint", target);
    } else {
      trained.run = target;
      if (options.weights.empty())
        trained.checkpoint = newest_checkpoint(files::join(target, "checkpoints"), false);
      if (options.weights.empty() && !trained.checkpoint) {
        if (!options.initial_allowed) {
          throw Error(ErrorKind::kData, fmt::format("run '{}' has no checkpoint that is intact", target), {},
                      "resume the run, or name weights with --weights");
        }
        log::warning("run '{}' has no checkpoint that is intact; its initial weights are used", target);
      }
    }
    config = files::join(trained.run, "config.yaml");
  }
  trained.experiment = Experiment::load(config, options.overrides);
  trained.options = std::move(options);
  return trained;
}

bool load_trained_weights(const Trained& trained) {
  Experiment& experiment = *trained.experiment;
  const std::string& weights = trained.options.weights;
  experiment.model->materialize(experiment.seed);
  if (!weights.empty()) {
    const bool folder = files::is_folder(weights);
    model::load_weights(*experiment.model,
                        folder ? read_checkpoint(weights, false).model : io::read_weights(weights));
  } else if (trained.checkpoint) {
    model::load_weights(*experiment.model, trained.checkpoint->model);
  } else if (!experiment.weights.empty()) {
    load_initial_weights(experiment);
  } else if (trained.options.initial_allowed) {
    return false;
  } else {
    throw Error(ErrorKind::kConfig, fmt::format("'{}' has no trained weights", experiment.file), {},
                "give a run folder, or --weights FILE");
  }
  return true;
}

}  // namespace dlb::train
