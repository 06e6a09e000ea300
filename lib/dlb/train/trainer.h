#pragma once
/// \file Training and evaluation as the command line offers them.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "dlb/train/expect.h"

namespace dlb::train {

struct TrainOptions {
  std::string config;
  std::vector<std::string> overrides;  ///< `--set KEY=VALUE`, in order
  std::string out;                     ///< run folder; "" = runs/NAME-N with the smallest free N
  bool resume = false;
  std::string resume_from;  ///< a run folder or a checkpoint folder; "" = `out`, else the run of that name
                            ///< with the largest N
  bool extend = false;      ///< a resumed run may have other train.epochs and train.steps
  std::string device = "cpu";
  int threads = 0;  ///< 0 = all that the process may use
  int64_t max_steps =
      -1;  ///< stop (checkpointed, resumable) after that many updates in all; the schedule is not changed
  std::string command;        ///< for run.json
  std::string runs = "runs";  ///< where unnamed run folders go
  /// Called after each update with its number (from 1) and mean loss.
  std::function<void(int64_t step, double loss)> on_update;
  /// Called with the run's folder to renew what is made of its files (a report): now and then after an
  /// evaluation, so seldom that it costs below a hundredth of the time, and at the end of the run, however
  /// that comes. What it raises becomes a warning.
  std::function<void(const std::string& run)> on_run;
};

struct EvalOptions {
  std::string target;  ///< a config, a run folder (its newest checkpoint) or a checkpoint folder
  std::vector<std::string> overrides;  ///< for a config
  std::string weights;                 ///< a file or a checkpoint folder, instead of the target's
  std::string onnx;   ///< an ONNX file or program that is measured in place of the model, "" for none
  std::string split;  ///< "val", "test", "train"; "" = test, else val
  std::string device = "cpu";
  int threads = 0;
};

/// What a run came to; `status` is "done", "interrupted" (exit code 130) or "failed".
struct RunResult {
  std::string run;  ///< folder; of an evaluation, the run evaluated or ""
  std::string status;
  int64_t steps = 0;   ///< updates so far
  int64_t epochs = 0;  ///< completed
  double seconds = 0;
  std::map<std::string, std::map<std::string, double>> metrics;  ///< split -> name -> value
  std::string params_hash;
  std::vector<Expectation> expect;  ///< of a run that has come to its end, where the config expects something
  bool as_expected() const;
};

/// Trains; returns when the run is done or was interrupted by SIGINT or SIGTERM. Errors: config and the like
/// before any work; io, data, numeric, device during it (run.json then says "failed").
RunResult train(const TrainOptions& options);

/// Measures a model on one split, in evaluation mode.
RunResult evaluate(const EvalOptions& options);

/// The JSON document of `train --json` and `eval --json`, on one line.
std::string to_json(const RunResult& result);

}  // namespace dlb::train
