#include "dlb/train/training.h"

#include <cmath>

#include "dlb/base/log.h"
#include "dlb/train/evaluator.h"
#include "dlb/train/signals.h"

namespace dlb::train {
namespace {

/// Evaluations that are shown at once; after them, one line a second.
constexpr int kFreeLines = 20;

}  // namespace

Training::Training(Experiment& experiment, RunFolder& folder, const TrainOptions& options, RunRecord record,
                   std::optional<Checkpoint> from)
    : experiment_(experiment),
      folder_(folder),
      options_(options),
      record_(std::move(record)),
      from_(std::move(from)),
      start_(std::chrono::steady_clock::now()),
      predictions_(experiment),
      hook_(options.on_run, folder.path()) {}

RunResult Training::run() {
  try {
    prepare();
    write_record("running");
    return loop();
  } catch (const std::exception& e) {
    progress_.reset();
    record_.error = e.what();
    try {
      write_record("failed");
    } catch (const std::exception& second) {
      log::warning("{}", second.what());
    }
    throw;
  }
}

RunResult Training::loop() {
  const SignalScope signals;
  const int64_t per_epoch = experiment_.totals.steps_per_epoch;
  progress_ = std::make_unique<Progress>(experiment_.totals.steps,
                                         (experiment_.totals.steps + per_epoch - 1) / per_epoch, state_.step);
  while (true) {
    if (SignalScope::stop_requested()) return interrupted();
    if (evaluation_due() && !evaluate()) return interrupted();
    if (checkpoint_due()) save();
    if (finished()) break;
    if (options_.max_steps >= 0 && state_.step >= options_.max_steps) {
      if (unsaved_) save();
      break;
    }
    update();
  }
  return finish();
}

void Training::update() {
  const int64_t accumulate = experiment_.train.accumulate;
  const int64_t batches = train_batches_->batches();
  const bool ends_epoch = state_.batch + accumulate >= batches;
  const bool logs = (state_.step + 1) % experiment_.train.log_every == 0 || ends_epoch ||
                    state_.step + 1 == experiment_.totals.steps;
  if (!epoch_started_) train_batches_->start(state_.epoch, state_.batch);
  epoch_started_ = true;
  if (logs) {
    for (NamedMetric& m : experiment_.metrics) m.metric->reset();
  }
  std::optional<UpdateResult> done;
  try {
    done = updater_->update(*train_batches_, {state_.step, state_.micro_steps}, logs);
  } catch (Error& e) {
    e.in(fmt::format("at step {} of the training", state_.step + 1));
    throw;
  }
  DLB_CHECK(done.has_value());
  const int64_t epoch = state_.epoch;
  unsaved_ = true;
  ++state_.step;
  state_.batch += done->batches;
  state_.micro_steps += done->batches;
  add_window(*done);
  if (ends_epoch) {
    ++state_.epoch;
    state_.batch = 0;
    epoch_started_ = false;
  }
  progress_->update(state_.step, epoch + 1, done->samples, done->loss, done->lr);
  if (logs) record_update(*done);
  if (options_.on_update) options_.on_update(state_.step, done->loss);
}

void Training::add_window(const UpdateResult& done) {
  RunState::Window& window = state_.window;
  window.losses.resize(done.sums.size());
  for (size_t i = 0; i < done.sums.size(); ++i) Objective::add(window.losses[i], done.sums[i]);
  window.reward = {window.reward.sum + done.reward.sum, window.reward.count + done.reward.count};
}

void Training::record_update(const UpdateResult& done) {
  Record record{state_.step, epochs_done(), "train", {}, done.lr, done.grad_norm, progress_->samples_per_s()};
  add_losses(experiment_.trained(), state_.window.losses, record.values);
  if (experiment_.plays()) record.values["reward"] = state_.window.reward.mean();
  if (done.measured) {
    for (const NamedMetric& m : experiment_.metrics) record.values[m.name] = m.metric->value();
  }
  write_measured(record);
  last_training_ = std::move(record.values);
  state_.window = {};
}

void Training::write_measured(const Record& record) {
  metrics_log_->write(record);
  event_log_->write(record);
}

bool Training::evaluation_due() const {
  return monitor_batches_ && state_.step > 0 && state_.evaluated != state_.step &&
         (state_.step % eval_every_ == 0 || state_.step >= experiment_.totals.steps);
}

bool Training::evaluate() {
  progress_->pause();
  // Training and evaluation want blocks of different sizes: what one has cached is of no use to the other.
  trim_cpu_allocator();
  const AverageScope average(updater_->average());
  const double train_loss = progress_->smoothed_loss();
  // Where there is a test split, that of the last evaluation is what a report shows.
  Predictions* const seen = test_batches_ ? nullptr : &predictions_;
  if (seen != nullptr) seen->start(experiment_.monitor_split);
  const MetricValues values = measure(experiment_, *monitor_batches_, &SignalScope::stop_requested, seen);
  if (values.empty()) return false;
  unsaved_ = true;
  state_.evaluated = state_.step;
  state_.monitored = values;
  write_measured({state_.step, epochs_done(), experiment_.monitor_split, values, {}, {}, {}});
  judge(values);
  // A second of tiny epochs must not fill the screen; metrics.jsonl has them all.
  if (lines_ < kFreeLines + seconds() - seconds_before_ || finished()) {
    ++lines_;
    log::info("epoch {:.4g}  step {}/{}  train loss {:.4f}  {}  {}{}", epochs_done(), state_.step,
              experiment_.totals.steps, train_loss, metrics_text(experiment_.monitor_split, values),
              duration_text(seconds()), improved_ ? "  (best)" : "");
  }
  if (state_.stopped) {
    log::info("early stopping: no better {} for {} evaluations, best {:.6g} at step {}",
              experiment_.train.early_stopping.metric, state_.evaluations_without_improvement,
              state_.early.value, state_.early.step);
  }
  trim_cpu_allocator();
  hook_.now_and_then();
  progress_->resume();
  return true;
}

void Training::judge(const MetricValues& values) {
  const auto better = [](double value, const RunState::Best& best, bool higher, double margin) {
    if (std::isnan(value)) return false;
    return best.step == 0 || (higher ? value > best.value + margin : value < best.value - margin);
  };
  const std::string& best = experiment_.train.checkpoint.keep.best;
  improved_ = !best.empty() && better(values.at(best), state_.best, experiment_.higher_is_better(best), 0);
  if (improved_) state_.best = {state_.step, values.at(best)};

  const EarlyStoppingSettings& early = experiment_.train.early_stopping;
  if (early.patience > 0) {
    const bool higher =
        early.mode == "auto" ? experiment_.higher_is_better(early.metric) : early.mode == "max";
    if (better(values.at(early.metric), state_.early, higher, early.min_delta)) {
      state_.early = {state_.step, values.at(early.metric)};
      state_.evaluations_without_improvement = 0;
    } else if (++state_.evaluations_without_improvement >= early.patience) {
      state_.stopped = true;
    }
  }
  const std::string watched = watched_metric();
  for (Phase& phase : experiment_.phases)
    phase.schedule->observe(values.at(watched), experiment_.higher_is_better(watched));
}

/// What a plateau schedule listens to: the metric that the run is judged by.
std::string Training::watched_metric() const {
  if (experiment_.train.early_stopping.patience > 0) return experiment_.train.early_stopping.metric;
  return experiment_.train.checkpoint.keep.best.empty() ? "loss" : experiment_.train.checkpoint.keep.best;
}

bool Training::checkpoint_due() const {
  return unsaved_ && (state_.step % checkpoint_every_ == 0 || improved_ || finished());
}

RunResult Training::interrupted() {
  if (unsaved_) save();
  progress_.reset();
  const AverageScope average(updater_->average());
  write_record("interrupted");
  log::info("interrupted at step {}; `--resume` goes on from there", state_.step);
  return record_.result;
}

RunResult Training::finish() {
  trim_cpu_allocator();
  const AverageScope average(updater_->average());
  const auto add = [&](const std::string& split, Batches& batches) {
    Predictions* const seen = test_batches_ && split != "test" ? nullptr : &predictions_;
    if (seen != nullptr) seen->start(split);
    final_metrics_[split] = measure(experiment_, batches, &SignalScope::stop_requested, seen);
    if (final_metrics_[split].empty()) return false;
    write_measured({state_.step, epochs_done(), split, final_metrics_[split], {}, {}, {}});
    return true;
  };
  progress_->clear();
  bool complete = true;
  if (monitor_batches_ && state_.evaluated != state_.step)
    complete = add(experiment_.monitor_split, *monitor_batches_);
  if (complete && test_batches_) complete = add("test", *test_batches_);
  if (!complete) final_metrics_.clear();
  progress_.reset();
  metrics_log_->sync();
  event_log_->sync();
  if (complete && finished()) judge_run();
  if (complete) write_predictions();
  write_record(complete ? "done" : "interrupted");
  return record_.result;
}

/// Compares what the run came to with `expect`.
void Training::judge_run() {
  std::map<std::string, MetricValues> values = final_metrics_;
  if (state_.evaluated == state_.step) values[experiment_.monitor_split] = state_.monitored;
  if (last_training_.empty()) last_training_ = last_record(folder_.metrics(), "train");
  values["train"] = last_training_;
  record_.result.expect = compare(experiment_.expect, values);
}

double Training::seconds() const {
  return seconds_before_ + std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

double Training::epochs_done() const {
  return static_cast<double>(state_.epoch) +
         static_cast<double>(state_.batch) / static_cast<double>(train_batches_->batches());
}

}  // namespace dlb::train
