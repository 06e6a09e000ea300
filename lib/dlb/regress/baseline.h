#pragma once
/// \file expected.json: what a recipe came to when its baseline was taken, and how far a run may be from it.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dlb/regress/machine.h"

namespace dlb::regress {

/// Which values of a metric are better than the expected one.
enum class Better { kHigher, kLower, kNear };
/// "higher", "lower", "near": as in expected.json.
std::string_view better_name(Better better);

/// A metric of the finished run. A value that is worse by more than
///   tolerance + relative * |value|
/// is a miss; with kNear, one that differs by more than that.
struct ExpectedMetric {
  std::string name;  ///< SPLIT.METRIC
  double value = 0;
  Better better = Better::kNear;
  double tolerance = 0;
  double relative = 0;
  double allowance() const;
};

/// The time of an undisturbed update, as a multiple of the calibration's round.
struct ExpectedStepTime {
  double ratio = 0;
  double relative = 2;  ///< a ratio above (1 + relative) times the expected one is a miss
};

/// One taking of the baseline.
struct Revision {
  std::string date;
  std::string reason;
  std::string version;  ///< of dlbench
  std::map<std::string, double> metrics = {};
  std::string params_hash = {};
  double step_time_ratio = 0;  ///< 0: not measured
};

struct Baseline {
  std::vector<ExpectedMetric> metrics;
  std::string params_hash;  ///< on `machine`; "" when it is not compared
  Machine machine;
  std::optional<ExpectedStepTime> step_time;
  double seconds = 0;             ///< that the run took, 0: unknown
  std::vector<Revision> history;  ///< newest first, at most kHistory

  static constexpr size_t kHistory = 10;
  /// The number of threads of `machine`, 0 when it does not say.
  int threads() const;
};

/// Reads a baseline; unknown, missing and repeated keys, values of a wrong kind and numbers that cannot be
/// are errors. Errors: config, naming the file and the key; io.
Baseline read_baseline(const std::string& path);
/// As read_baseline(), from text; `name` stands for the file in messages.
Baseline parse_baseline(std::string_view text, const std::string& name);
/// The text of expected.json.
std::string to_json(const Baseline& baseline);

}  // namespace dlb::regress
