#pragma once
/// \file A finished run against its baseline, check by check.

#include <string>
#include <string_view>
#include <vector>

#include "dlb/regress/baseline.h"
#include "dlb/train/trainer.h"

namespace dlb::regress {

enum class Verdict {
  kMet,
  kBetter,  ///< better than expected by more than the tolerance: met, and worth a new baseline
  kMissed,
  kNotComparable,  ///< a parameter hash of another kind of machine
  kReported,       ///< shown and not judged
};
/// "met", "better", "missed", "not comparable", "reported".
std::string_view verdict_name(Verdict verdict);

/// What a run came to.
struct Found {
  train::RunResult result;
  Machine machine;
  double step_time_ratio = 0;  ///< 0: not measured
};

/// One comparison as people read it.
struct Check {
  std::string name;  ///< "test.accuracy", "config test.accuracy", "parameters", "step time"
  std::string expected;
  std::string found;
  std::string tolerance;
  Verdict verdict = Verdict::kMet;
  std::string note = {};  ///< more about the verdict, may be empty
};

/// The value of SPLIT.METRIC in a result, NaN when it has none.
double metric_value(const train::RunResult& result, const std::string& name);

/// A metric: what is not finite and what the run did not measure are misses.
Check compare_metric(const ExpectedMetric& expected, const train::RunResult& result);
/// The parameters' hash, where both machines are of one kind.
Check compare_hash(const Baseline& baseline, const Found& found);
/// The step time; without `judge` it is reported alone.
Check compare_step_time(const ExpectedStepTime& expected, double ratio, bool judge);

/// All of a baseline: its metrics, what the config itself expects, hash and step time.
std::vector<Check> compare(const Baseline& baseline, const Found& found, bool judge_speed);

}  // namespace dlb::regress
