/// \file How a run's state gets from and to disk.

#include <algorithm>
#include <nlohmann/json.hpp>

#include "dlb/base/files.h"
#include "dlb/base/log.h"
#include "dlb/train/loading.h"
#include "dlb/train/training.h"

namespace dlb::train {
namespace {

/// With an average, model.safetensors has the averaged weights; the ones being trained are kept under this
/// prefix.
constexpr const char* kTrainedPrefix = "trained/";

/// Stands before the names of a phase's optimizer state.
std::string state_prefix(const Phase& phase) { return phase.name.empty() ? "" : phase.name + "/"; }

void assign_from(const io::Safetensors& file, const std::string& name, const Tensor& to) {
  const Tensor* from = file.find(name);
  if (from == nullptr) fail(ErrorKind::kData, "the checkpoint has no '{}' among its optimizer state", name);
  if (from->shape() != to.shape() || from->dtype() != to.dtype()) {
    fail(ErrorKind::kData, "the checkpoint's '{}' is {}, expected {}", name, spec_text(from->spec()),
         spec_text(to.spec()));
  }
  to.assign(*from);
}

}  // namespace

void Training::prepare() {
  open_data();
  experiment_.model->materialize(experiment_.seed);
  if (from_) {
    model::load_weights(*experiment_.model, from_->model);
  } else {
    load_initial_weights(experiment_);
  }
  // Averages start from the weights that the model has now.
  updater_.emplace(experiment_);
  if (from_) restore(std::move(*from_));
  from_.reset();
  state_.seed = experiment_.seed;
  state_.config_sha256 = files::sha256_hex(resolved_yaml(experiment_));
  const int64_t per_epoch = experiment_.totals.steps_per_epoch;
  eval_every_ = std::max<int64_t>(1, experiment_.train.eval_every.steps(per_epoch));
  checkpoint_every_ = std::max<int64_t>(1, experiment_.train.checkpoint.every.steps(per_epoch));
  metrics_log_.emplace(folder_.metrics(), state_.metrics_bytes);
  event_log_.emplace(folder_.path(), state_.step);
}

void Training::open_data() {
  data::DataModule& data = *experiment_.data;
  data.open();
  // A run must see the data that it began with.
  const std::map<std::string, std::string> checksums = data.checksums();
  for (const auto& [file, digest] : record_.data) {
    const auto now = checksums.find(file);
    if (now != checksums.end() && now->second != digest) {
      fail(ErrorKind::kData, "'{}' has changed since the run began: checksum {}, was {}", file, now->second,
           digest);
    }
  }
  record_.data = checksums;
  train_batches_.emplace(experiment_, "train", true);
  const std::string& monitor = experiment_.monitor_split;
  if (!monitor.empty()) monitor_batches_.emplace(experiment_, monitor, false);
  if (monitor != "test" && data.has("test")) test_batches_.emplace(experiment_, "test", false);
}

void Training::restore(Checkpoint checkpoint) {
  state_ = std::move(checkpoint.state);
  if (state_.phases.size() != experiment_.phases.size()) {
    fail(ErrorKind::kData, "the checkpoint is of {} phases, the config has {}", state_.phases.size(),
         experiment_.phases.size());
  }
  for (size_t i = 0; i < state_.phases.size(); ++i) {
    Phase& phase = experiment_.phases[i];
    for (const optim::State& s : phase.optimizer->state())
      assign_from(checkpoint.optimizer, state_prefix(phase) + s.name, s.value);
    phase.optimizer->set_steps(state_.phases[i].optimizer_steps);
    phase.schedule->set_state(state_.phases[i].schedule);
  }
  if (optim::ParameterAverage* average = updater_->average()) {
    for (const optim::Param& p : updater_->params())
      assign_from(checkpoint.optimizer, kTrainedPrefix + p.name, p.value.detach());
    average->set_updates(state_.average_updates);
  }
  seconds_before_ = state_.seconds;
}

std::vector<io::NamedTensor> Training::optimizer_tensors() {
  std::vector<io::NamedTensor> tensors;
  for (const Phase& phase : experiment_.phases) {
    for (const optim::State& s : phase.optimizer->state())
      tensors.push_back({state_prefix(phase) + s.name, s.value});
  }
  // Called while the averages stand in for the weights.
  if (optim::ParameterAverage* average = updater_->average()) {
    const std::vector<Tensor>& trained = average->averages();
    for (size_t i = 0; i < trained.size(); ++i)
      tensors.push_back({kTrainedPrefix + updater_->params()[i].name, trained[i]});
  }
  return tensors;
}

void Training::save() {
  progress_->pause();
  metrics_log_->sync();
  state_.metrics_bytes = metrics_log_->bytes();
  state_.seconds = seconds();
  state_.phases.clear();
  for (const Phase& phase : experiment_.phases)
    state_.phases.push_back({phase.optimizer->steps(), phase.schedule->state()});
  if (updater_->average() != nullptr) state_.average_updates = updater_->average()->updates();
  {
    const AverageScope average(updater_->average());
    write_checkpoint(checkpoint_folder(folder_.checkpoints(), state_.step), state_,
                     model::named_tensors(*experiment_.model), optimizer_tensors());
  }
  const KeepSettings& keep = experiment_.train.checkpoint.keep;
  if (state_.best.step > 0) {
    const nlohmann::ordered_json best = {{"checkpoint", fmt::format("step-{}", state_.best.step)},
                                         {"metric", keep.best},
                                         {"split", experiment_.monitor_split},
                                         {"value", state_.best.value}};
    files::write_atomic(files::join(folder_.checkpoints(), "best.json"), best.dump() + "\n");
  }
  prune_checkpoints(folder_.checkpoints(), state_.step, keep.last, state_.best.step);
  unsaved_ = improved_ = false;
  progress_->resume();
}

void Training::write_record(const std::string& status) {
  RunResult& r = record_.result;
  r.run = folder_.path();
  r.status = status;
  r.steps = state_.step;
  r.epochs = state_.epoch;
  r.seconds = seconds();
  r.metrics = final_metrics_;
  if (state_.evaluated > 0 && state_.evaluated == state_.step)
    r.metrics[experiment_.monitor_split] = state_.monitored;
  if (status == "done" || status == "interrupted") r.params_hash = model::params_hash(*experiment_.model);
  record_.higher_is_better.clear();
  for (const std::string& name : experiment_.metric_names()) {
    if (experiment_.higher_is_better(name)) record_.higher_is_better.push_back(name);
  }
  record_.best_metric = experiment_.train.checkpoint.keep.best;
  if (state_.best.step > 0) record_.best = state_.best;
  write_run_record(folder_.record(), record_);
}

void Training::write_predictions() {
  // They are for reports alone: what the run came to stands without them.
  try {
    const std::string text = predictions_.to_json(state_.step);
    if (!text.empty()) files::write_atomic(folder_.predictions(), text);
  } catch (const Error& e) {
    log::warning("{}", e.what());
  }
}

}  // namespace dlb::train
