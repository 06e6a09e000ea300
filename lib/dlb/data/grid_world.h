#pragma once
/// \file The inline source `grid_world`.

#include "dlb/data/environment.h"

namespace dlb::data {

/// A board of fields, one text per row: `S` where an episode may start, `G` a goal (reward 1, the end), `X` a
/// trap (reward -1, the end), `#` a wall, `.` free. Actions: 0 up, 1 right, 2 down, 3 left; a step into a
/// wall or off the board stays where it is. With probability `slip` the step goes to one side instead, each
/// with half of it. Any other step has the reward `step_reward`. Observation: a one-hot vector of the field.
struct GridWorldSource final : EnvironmentSource {
  std::vector<std::string> board = {"S...", ".X.X", "...X", "X..G"};
  double slip = 0;
  double step_reward = -0.01;
  GridWorldSource() { max_steps = 100; }
  static Fields fields();
  /// Errors: config for a board that is not a rectangle, has other letters, or has a start from which no goal
  /// can be reached.
  void bind(const SourceOptions& options) override;
  std::unique_ptr<Environment> make() const override;
  int64_t features() const override;
  int64_t actions() const override { return 4; }
};

}  // namespace dlb::data
