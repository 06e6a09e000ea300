#pragma once
/// \file Batches of episodes that a policy plays.

#include <functional>
#include <optional>

#include "dlb/data/environment.h"
#include "dlb/data/loader.h"

namespace dlb::data {

/// Scores of the actions for each observation; actions are drawn from their softmax.
/// Shapes: [n, features] -> [n, actions].
using Policy = std::function<Tensor(const Tensor& observations)>;

struct RolloutOptions {
  int64_t batch = 1;     ///< episodes
  int64_t episodes = 1;  ///< in an epoch
  uint64_t seed = 0;
  uint64_t stream = 0;  ///< tells splits apart
  bool greedy = false;  ///< the action with the highest score, the first of equal ones
};

/// Plays the episodes of a batch side by side. Each has its own stream of random numbers, RngKey{seed,
/// kSample, stream and epoch, number of the episode in the epoch}, so a batch follows from these and the
/// policy's scores.
class Rollouts {
 public:
  /// `source` must outlive this.
  Rollouts(const EnvironmentSource& source, RolloutOptions options);
  int64_t batches() const { return (options_.episodes + options_.batch - 1) / options_.batch; }
  int64_t episodes() const { return options_.episodes; }
  /// Starts an epoch at batch `first`.
  void start(int64_t epoch, int64_t first = 0);
  /// The next batch with the source's columns, or nothing at the end of the epoch; its size counts episodes.
  /// Errors: numeric, when a score is not finite; those of the policy.
  std::optional<Batch> next(const Policy& policy);

 private:
  struct Episode;
  void act(std::vector<Episode*>& playing, const Tensor& scores) const;
  Batch joined(std::vector<Episode>& played) const;

  const EnvironmentSource& source_;
  RolloutOptions options_;
  SampleSpec spec_;
  std::shared_ptr<const std::vector<std::string>> names_;
  int64_t epoch_ = 0;
  int64_t next_ = 0;
};

}  // namespace dlb::data
