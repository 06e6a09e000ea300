#pragma once
/// \file Environments of reinforcement learning: worlds that an agent acts in. As a source of data they give
/// rollouts of the current policy (data/rollouts.h), one episode a sample.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dlb/data/dataset.h"
#include "dlb/tensor/random.h"

namespace dlb::data {

/// One world with its state. The same random numbers and actions give the same episode.
class Environment {
 public:
  struct Outcome {
    double reward = 0;
    bool done = false;  ///< the episode has ended
  };
  virtual ~Environment() = default;
  /// Starts an episode.
  virtual void reset(RandomStream& random) = 0;
  /// `action` is in [0, actions of the source).
  virtual Outcome step(int64_t action, RandomStream& random) = 0;
  /// Writes what the agent sees: as many numbers as the source says.
  virtual void observe(float* out) const = 0;
};

/// A source whose samples are episodes. Columns: observation [steps, features] (the input), action [steps],
/// return [steps] (discounted rewards from that step to the end), episode_reward [] (undiscounted sum).
class EnvironmentSource : public Source {
 public:
  int64_t max_steps = 500;      ///< after which an episode is cut off
  int64_t episodes = 1000;      ///< in an epoch
  int64_t test_episodes = 100;  ///< played greedily in an evaluation
  double discount = 0.99;

  virtual std::unique_ptr<Environment> make() const = 0;
  virtual int64_t features() const = 0;  ///< numbers in an observation
  virtual int64_t actions() const = 0;

  std::vector<std::string> splits() const override { return {"train", "test"}; }
  SampleSpec spec() override { return sample_spec(); }
  int64_t size(const std::string& split) override;
  /// Knows its size only: samples come of acting. Errors: internal, when one is read.
  std::shared_ptr<const Dataset> open(const std::string& split) override;
  SampleSpec sample_spec() const;

 protected:
  /// `own` before the fields that every environment has.
  static std::vector<Field> environment_fields(std::vector<Field> own);
};

}  // namespace dlb::data
