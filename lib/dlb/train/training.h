#pragma once
/// \file The training loop: updates, evaluations, checkpoints and records, in an order that a resumed run
/// repeats.

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "dlb/train/checkpoint.h"
#include "dlb/train/event_log.h"
#include "dlb/train/experiment.h"
#include "dlb/train/metrics_log.h"
#include "dlb/train/predictions.h"
#include "dlb/train/progress.h"
#include "dlb/train/run_folder.h"
#include "dlb/train/run_hook.h"
#include "dlb/train/run_record.h"
#include "dlb/train/updater.h"

namespace dlb::train {

/// A run in progress. All that decides what comes next is in `state_`, so that a checkpoint of it goes on
/// exactly where it was taken: each round of the loop first does what is due at the present step (evaluation,
/// then checkpoint), then one update.
class Training {
 public:
  /// `record` is that of a new run, or of the one that goes on; `from` is where it goes on, nothing to start
  /// from the beginning.
  Training(Experiment& experiment, RunFolder& folder, const TrainOptions& options, RunRecord record,
           std::optional<Checkpoint> from);

  /// Trains to the end, or until SIGINT or SIGTERM. run.json says how it ended, also when this raises.
  /// Errors: those of data sets, weights and checkpoint, then what happens in training.
  RunResult run();

 private:
  void prepare();
  void restore(Checkpoint checkpoint);
  void open_data();
  std::vector<io::NamedTensor> optimizer_tensors();
  void add_window(const UpdateResult& done);
  void record_update(const UpdateResult& done);
  void write_measured(const Record& record);

  RunResult loop();
  RunResult interrupted();
  RunResult finish();
  void update();
  bool evaluation_due() const;
  bool evaluate();
  void judge(const MetricValues& values);
  void judge_run();
  bool checkpoint_due() const;
  void save();
  bool finished() const { return state_.stopped || state_.step >= experiment_.totals.steps; }

  void write_record(const std::string& status);
  void write_predictions();
  double seconds() const;
  double epochs_done() const;
  std::string watched_metric() const;

  Experiment& experiment_;
  RunFolder& folder_;
  const TrainOptions& options_;
  RunRecord record_;
  std::optional<Checkpoint> from_;
  std::optional<Updater> updater_;
  RunState state_;
  std::optional<Batches> train_batches_, monitor_batches_, test_batches_;
  std::optional<MetricsLog> metrics_log_;
  std::optional<EventLog> event_log_;
  std::unique_ptr<Progress> progress_;
  int64_t eval_every_ = 1;
  int64_t checkpoint_every_ = 1;
  bool unsaved_ = false;        ///< something has happened since the newest checkpoint
  bool improved_ = false;       ///< the last evaluation was the best: keep its weights
  bool epoch_started_ = false;  ///< the batches stand at state_.batch
  int lines_ = 0;               ///< of evaluations shown
  double seconds_before_ = 0;   ///< spent before this process took the run up
  std::chrono::steady_clock::time_point start_;
  std::map<std::string, MetricValues> final_metrics_;
  Predictions predictions_;  ///< of the last evaluation on the test split, else on the monitored one
  RunHook hook_;
  MetricValues last_training_;  ///< of the last record of training
};

}  // namespace dlb::train
