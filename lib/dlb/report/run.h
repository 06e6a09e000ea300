#pragma once
/// \file A run folder as it is read for reports and comparisons: whatever state it is in.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dlb/report/metrics.h"

namespace dlb::report {

/// Split -> metric -> value (NaN where it was not finite).
using Results = std::map<std::string, std::map<std::string, double>>;

/// What run.json says; what it lacks is empty.
struct RunInfo {
  std::string name, version, build, command, config, host, device, start, end, params_hash, error;
  /// "done", "interrupted", "failed", "running"; "killed": it says that it is running, and no process is;
  /// "unknown" without a run.json that can be read.
  std::string status = "unknown";
  std::optional<int64_t> threads, seed, params, steps, epochs;
  std::optional<double> seconds, peak_rss_mb;  ///< as `end`, of a run that has ended
  std::vector<std::string> resumed;
  std::map<std::string, std::string> data;  ///< file -> checksum
  Results metrics;
  std::vector<std::string> higher_is_better;
  struct Best {
    std::string metric;
    double value = 0;
    int64_t step = 0;
  };
  std::optional<Best> best;
  struct Expected {
    std::string name;
    std::optional<double> min, max;
    double value = 0;
    bool met = false;
  };
  std::vector<Expected> expect;
  bool higher(const std::string& metric) const;
};

/// A whole run.
struct Run {
  std::string path;
  std::string name;  ///< of the folder
  RunInfo info;
  Metrics metrics;
  std::string config;                 ///< config.yaml as it stands
  std::string predictions;            ///< predictions.json, checked to be JSON; "" without one
  std::vector<std::string> log;       ///< last lines of log.txt
  std::vector<std::string> warnings;  ///< its warnings and errors
  std::vector<std::string> notes;     ///< what of the folder is missing or damaged
};

/// Whether a folder has a file that only runs have.
bool looks_like_run(const std::string& path);

/// Reads run.json alone; a file that is missing or damaged gives status "unknown" and a note.
RunInfo read_run_info(const std::string& path, std::vector<std::string>& notes);

/// Reads everything. What is missing or damaged is noted, not an error. Errors: config when `path` is no run
/// folder; io for what is there and cannot be read.
Run read_run(const std::string& path);

/// The results of a run: those of run.json, and for splits that it does not have (train, or all of them when
/// it was cut off) the last records.
Results results_of(const Run& run);

}  // namespace dlb::report
