#pragma once
/// \file What is called to renew a run's report, kept cheap and harmless.

#include <chrono>
#include <functional>
#include <string>

namespace dlb::train {

/// Calls TrainOptions::on_run. What that raises becomes a warning: a run does not end for its report.
class RunHook {
 public:
  RunHook(std::function<void(const std::string& run)> call, std::string run);

  /// Calls it if half a minute has passed, and a hundred times of what the last call took.
  void now_and_then();
  void now() noexcept;

 private:
  using Clock = std::chrono::steady_clock;
  std::function<void(const std::string& run)> call_;
  std::string run_;
  Clock::time_point next_;
};

}  // namespace dlb::train
