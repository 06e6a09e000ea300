#pragma once
/// \file run.json: what a run was, where it ran, and what came out.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dlb/train/checkpoint.h"
#include "dlb/train/trainer.h"

namespace dlb::train {

/// The content of run.json.
struct RunRecord {
  std::string name;
  std::string config;  ///< the file that was given
  std::string command;
  std::string device;
  int threads = 0;
  uint64_t seed = 0;
  std::string start;                        ///< ISO 8601, UTC
  std::vector<std::string> resumed;         ///< when the run was taken up again
  std::map<std::string, std::string> data;  ///< file -> checksum
  int64_t params = 0;
  std::vector<std::string> higher_is_better;  ///< metrics of which more is better; of the rest less is
  std::string error;                          ///< of a failed run
  std::string best_metric;                    ///< with `best`
  std::optional<RunState::Best> best;
  RunResult result;
};

/// Writes the record atomically, with version, build, host and the present time. Errors: io.
void write_run_record(const std::string& path, const RunRecord& record);

/// Reads what write_run_record() wrote; nothing when there is no file. Errors: data when it is damaged.
std::optional<RunRecord> read_run_record(const std::string& path);

/// Of this machine, "" when it has none.
std::string host_name();

/// The time now, as "2026-01-31T12:00:00Z".
std::string utc_now();

}  // namespace dlb::train
