/// \file evaluate(): a model on one split.

#include <chrono>
#include <memory>

#include "dlb/backend/cpu/install.h"
#include "dlb/base/threads.h"
#include "dlb/train/device_choice.h"
#include "dlb/train/evaluator.h"
#include "dlb/train/trained.h"
#include "dlb/train/trainer.h"

namespace dlb::train {
namespace {

std::string choose_split(const EvalOptions& o, const Experiment& experiment) {
  const std::string split = !o.split.empty() ? o.split : experiment.data->has("test") ? "test" : "val";
  if (!experiment.data->has(split))
    fail(ErrorKind::kConfig, "the data of '{}' has no {} split", experiment.file, split);
  return split;
}

RunResult finished(RunResult r, std::chrono::steady_clock::time_point start) {
  r.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return r;
}

}  // namespace

RunResult evaluate(const EvalOptions& o) {
  backend::cpu::install();
  choose_device(o.device);
  set_threads(o.threads);
  const auto start = std::chrono::steady_clock::now();
  if (!o.onnx.empty() && !o.weights.empty())
    fail(ErrorKind::kConfig, "an ONNX model has weights of its own: --onnx and --weights do not go together");
  const Trained trained = open_trained({.target = o.target,
                                        .overrides = o.overrides,
                                        .weights = o.weights,
                                        .initial_allowed = !o.onnx.empty()});
  const std::unique_ptr<Experiment>& experiment = trained.experiment;
  const std::string split = choose_split(o, *experiment);
  std::optional<ExportedModel> exported;
  if (!o.onnx.empty()) exported.emplace(o.onnx, *experiment);
  load_trained_weights(trained);
  experiment->data->open();
  Batches batches(*experiment, split, false);

  RunResult r;
  r.run = trained.run;
  r.metrics[split] = measure(*experiment, batches, {}, nullptr, exported ? &*exported : nullptr);
  r.status = "done";
  if (exported) return finished(std::move(r), start);
  if (trained.checkpoint) {
    r.steps = trained.checkpoint->state.step;
    r.epochs = trained.checkpoint->state.epoch;
  }
  r.params_hash = model::params_hash(*experiment->model);
  return finished(std::move(r), start);
}

}  // namespace dlb::train
