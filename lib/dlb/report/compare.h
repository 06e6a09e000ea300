#pragma once
/// \file Runs beside each other: what differs in their configs, results and environments.

#include <optional>
#include <string>
#include <vector>

#include "dlb/report/run.h"

namespace dlb::report {

/// A key that has not the same value in all runs; nothing where a run lacks it.
struct Difference {
  std::string key;
  std::vector<std::optional<std::string>> values;  ///< by run
};

/// A metric on a split in each run.
struct ComparedMetric {
  std::string split, metric;
  bool higher = false;  ///< more is better
  std::vector<std::optional<double>> values;
};

struct Comparison {
  std::vector<Run> runs;
  std::vector<std::string> names;       ///< of the folders, or their paths where those are equal
  std::vector<Difference> config;       ///< by keys such as "model[2].dropout.p", see config_differences.h
  std::vector<Difference> environment;  ///< version, host, device, threads, seed, data checksums, ...
  std::vector<ComparedMetric> metrics;  ///< all, test before val before train
  std::optional<bool> same_params;  ///< whether the final parameters are equal; nothing when one has no hash
  std::vector<std::string> notes;

  std::string text() const;  ///< tables for a terminal
  std::string json() const;  ///< one line
  std::string html() const;  ///< a page with the curves over each other
};

/// Compares two runs or more. Errors: those of read_run(). A config that cannot be read is noted and left
/// out.
Comparison compare(const std::vector<std::string>& paths);

}  // namespace dlb::report
