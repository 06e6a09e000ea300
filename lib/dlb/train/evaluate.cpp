/// \file evaluate(): a model on one split.

#include <chrono>
#include <memory>

#include "dlb/backend/cpu/install.h"
#include "dlb/base/files.h"
#include "dlb/base/threads.h"
#include "dlb/train/device_choice.h"
#include "dlb/train/evaluator.h"
#include "dlb/train/loading.h"
#include "dlb/train/run_folder.h"
#include "dlb/train/trainer.h"

namespace dlb::train {
namespace {

/// What is to be evaluated: which config, and the checkpoint that goes with it.
struct Target {
  std::string config;
  std::string run;
  std::optional<Checkpoint> checkpoint;
};

Target find_target(const EvalOptions& o) {
  if (!files::is_folder(o.target)) return {o.target, {}, {}};
  if (!o.overrides.empty())
    fail(ErrorKind::kConfig, "--set changes a config; '{}' is a folder with a config of its own", o.target);
  if (is_checkpoint_folder(o.target)) {
    const std::string run = run_of_checkpoint(o.target);
    if (run.empty()) fail(ErrorKind::kConfig, "'{}': this checkpoint is not inside a run folder", o.target);
    return {files::join(run, "config.yaml"), run, read_checkpoint(o.target, false)};
  }
  if (!is_run_folder(o.target))
    fail(ErrorKind::kConfig, "'{}' is neither a run folder (no config.yaml) nor a checkpoint", o.target);
  Target target{files::join(o.target, "config.yaml"), o.target, {}};
  if (o.weights.empty()) {
    target.checkpoint = newest_checkpoint(files::join(o.target, "checkpoints"), false);
    if (!target.checkpoint) {
      throw Error(ErrorKind::kData, fmt::format("run '{}' has no checkpoint that is intact", o.target), {},
                  "resume the run, or name weights with --weights");
    }
  }
  return target;
}

void load_weights(Experiment& experiment, const EvalOptions& o, const Target& target) {
  experiment.model->materialize(experiment.seed);
  if (!o.weights.empty()) {
    const bool folder = files::is_folder(o.weights);
    model::load_weights(*experiment.model,
                        folder ? read_checkpoint(o.weights, false).model : io::read_safetensors(o.weights));
  } else if (target.checkpoint) {
    model::load_weights(*experiment.model, target.checkpoint->model);
  } else if (!experiment.weights.empty()) {
    load_initial_weights(experiment);
  } else {
    throw Error(ErrorKind::kConfig, fmt::format("'{}' has no trained weights", o.target), {},
                "give a run folder, or --weights FILE");
  }
}

std::string choose_split(const EvalOptions& o, const Experiment& experiment) {
  const std::string split = !o.split.empty() ? o.split : experiment.data->has("test") ? "test" : "val";
  if (!experiment.data->has(split))
    fail(ErrorKind::kConfig, "the data of '{}' has no {} split", experiment.file, split);
  return split;
}

}  // namespace

RunResult evaluate(const EvalOptions& o) {
  backend::cpu::install();
  choose_device(o.device);
  set_threads(o.threads);
  const auto start = std::chrono::steady_clock::now();
  const Target target = find_target(o);
  const std::unique_ptr<Experiment> experiment = Experiment::load(target.config, o.overrides);
  const std::string split = choose_split(o, *experiment);
  load_weights(*experiment, o, target);
  experiment->data->open();
  Batches batches(*experiment, split, false);

  RunResult r;
  r.run = target.run;
  r.metrics[split] = measure(*experiment, batches);
  r.status = "done";
  if (target.checkpoint) {
    r.steps = target.checkpoint->state.step;
    r.epochs = target.checkpoint->state.epoch;
  }
  r.params_hash = model::params_hash(*experiment->model);
  r.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return r;
}

}  // namespace dlb::train
