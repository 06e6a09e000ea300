#pragma once
/// \file Checkpoints: the complete state of a run as a folder that appears whole or not at all.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dlb/io/safetensors.h"
#include "dlb/train/term_sum.h"

namespace dlb::train {

/// Values of one evaluation by name: "loss" and the metrics.
using MetricValues = std::map<std::string, double>;

/// What has to be known besides tensors to go on as if nothing had happened. Random streams need no state of
/// their own: they follow from the seed and these counters.
struct RunState {
  int64_t step = 0;             ///< updates done
  int64_t epoch = 0;            ///< epochs completed
  int64_t batch = 0;            ///< next batch of the current epoch
  int64_t micro_steps = 0;      ///< batches seen in training
  int64_t average_updates = 0;  ///< of the moving average of the weights
  struct Phase {
    int64_t optimizer_steps = 0;
    std::vector<double> schedule = {};  ///< Schedule::state()
  };
  std::vector<Phase> phases;

  /// Training since the last record.
  struct Window {
    std::vector<TermSums> losses;  ///< by phase
    TermSum reward;
  } window;

  int64_t evaluated = 0;   ///< the step of the last evaluation; 0 = none yet
  MetricValues monitored;  ///< its result
  struct Best {
    int64_t step = 0;  ///< 0 = none yet
    double value = 0;
  };
  Best best;   ///< of checkpoint.keep.best
  Best early;  ///< of early stopping
  int64_t evaluations_without_improvement = 0;
  bool stopped = false;  ///< by early stopping

  uint64_t metrics_bytes = 0;  ///< length of metrics.jsonl when the checkpoint was taken
  double seconds = 0;          ///< spent so far
  uint64_t seed = 0;
  std::string config_sha256;  ///< of the resolved config
};

/// Everything a checkpoint holds. `model` is the model to use (averaged weights where the run keeps an
/// average); `optimizer` is what only training needs.
struct Checkpoint {
  RunState state;
  io::Safetensors model;
  io::Safetensors optimizer;
};

/// state.json as text, and back. The text carries a digest of itself, so that no flipped or missing byte
/// passes. Errors: data, naming `name`.
std::string state_to_json(const RunState& state, const std::map<std::string, std::string>& file_digests);
RunState state_from_json(std::string_view text, const std::string& name,
                         std::map<std::string, std::string>& file_digests);

/// Writes `folder` (model.safetensors, optimizer.safetensors, state.json) whole or not at all. Errors: io.
void write_checkpoint(const std::string& folder, const RunState& state,
                      const std::vector<io::NamedTensor>& model,
                      const std::vector<io::NamedTensor>& optimizer);

/// Reads and verifies a checkpoint; `with_optimizer` false leaves Checkpoint::optimizer empty. Errors: io,
/// data (damaged).
Checkpoint read_checkpoint(const std::string& folder, bool with_optimizer = true);

/// Steps of the committed checkpoints below `checkpoints`, ascending.
std::vector<int64_t> checkpoint_steps(const std::string& checkpoints);
/// "CHECKPOINTS/step-N"
std::string checkpoint_folder(const std::string& checkpoints, int64_t step);

/// The newest checkpoint that is intact; damaged ones are skipped with a warning. Nothing when there is none.
std::optional<Checkpoint> newest_checkpoint(const std::string& checkpoints, bool with_optimizer = true);

/// Removes all but the `last` newest up to step `now` and the one of step `best` (0 = none). Those after
/// `now` belong to a continuation that has been given up; they go too.
void prune_checkpoints(const std::string& checkpoints, int64_t now, int64_t last, int64_t best);

}  // namespace dlb::train
