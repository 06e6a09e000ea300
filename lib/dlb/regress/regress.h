#pragma once
/// \file Recipes are run and compared with their baselines, or their baselines taken anew.

#include <string>
#include <vector>

#include "dlb/regress/compare.h"
#include "dlb/regress/recipe.h"

namespace dlb::regress {

struct Options {
  std::vector<std::string> recipes;
  bool update = false;      ///< writes what the runs come to as the new baselines
  std::string reason;       ///< of an update
  std::string out;          ///< folder of the run folders; "" = "runs"
  int threads = 0;          ///< 0: as many as the baseline was taken with, else all that the process may use
  bool judge_speed = true;  ///< a slow step is a miss
  std::string command;      ///< for run.json
};

enum class Status {
  kPassed,
  kMissed,   ///< some check is a miss
  kFailed,   ///< the run ended with an error
  kSkipped,  ///< a data set is not on this machine
  kUpdated,
  kInterrupted,
};
/// "passed", "missed", ...
std::string_view status_name(Status status);

/// What came of one recipe.
struct Outcome {
  Recipe recipe;
  Status status = Status::kPassed;
  std::string reason;         ///< why it failed or was skipped
  std::vector<Check> checks;  ///< of an update: against the baseline that was there before
  std::string run;            ///< its folder
  double seconds = 0;
};

struct Report {
  std::vector<Outcome> outcomes;
  double seconds = 0;
  int count(Status status) const;
  /// 130 when interrupted, else 1 when a run failed, else 3 when one missed, else 0.
  int exit_code() const;
};

/// Checks all configs and baselines, then runs the recipes one after the other. A baseline is written only by
/// a run that has finished and has met what its config expects. Errors: config, before any run, with all that
/// is wrong; what happens in a run is its outcome.
Report run(const Options& options);

/// The new baseline after a run: values, hash, machine and step time are those found; directions and
/// tolerances stay as they were, and are guessed where there was no baseline. `higher` names the metrics of
/// which a higher value is better. Errors: numeric, for a value that is not finite.
Baseline updated(const Baseline* before, const Found& found, const std::vector<std::string>& higher,
                 const std::string& reason, bool timed);

/// A table of all checks, and a last line that counts the recipes.
std::string to_text(const Report& report);
/// The JSON document of `regress --json`, on one line.
std::string to_json(const Report& report);

}  // namespace dlb::regress
