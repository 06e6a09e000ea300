#pragma once
/// \file Profiling as the command line offers it.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "dlb/profile/memory.h"
#include "dlb/profile/peaks.h"
#include "dlb/profile/tally.h"

namespace dlb::profile {

struct ProfileOptions {
  std::string target;  ///< a config, a run folder (its newest weights) or a checkpoint folder
  std::vector<std::string> overrides;
  bool infer = false;  ///< forward passes in evaluation mode instead of updates
  int64_t steps = 0;   ///< 0: as many as take about kDefaultSeconds
  int64_t warmup = 3;
  std::string device = "cpu";
  int threads = 0;    ///< 0 = all that the process may use
  std::string trace;  ///< file for a Chrome trace, "" for none
};

inline constexpr double kDefaultSeconds = 5;
inline constexpr int64_t kFewestSteps = 8, kMostSteps = 200;
/// Watching costs at most that many percent of all steps together; where operators are so small that it takes
/// more of a step, fewer steps are watched.
inline constexpr double kMostOverhead = 2;
inline constexpr int64_t kLeastEvery = 2, kMostEvery = 64;

/// Of how many steps one may be watched, where watching adds `cost` percent to it, known to within a standard
/// error of `margin`: noise alone makes nothing rarer.
int64_t watched_every(double cost, double margin);

/// Where the time and the memory of a step go. Times are of steps that were watched, except `step_ms`.
struct Profile {
  std::string model;   ///< the config's name
  std::string config;  ///< its file
  std::string device;
  std::string dtype;  ///< of the parameters
  std::string mode;   ///< "train" or "infer"
  int threads = 1;
  int64_t params = 0;
  int64_t steps = 0;  ///< watched ones, with others between them
  int64_t warmup = 0;
  double samples = 0;  ///< a step

  Spread watched_ms;                     ///< of the watched steps
  Spread step_ms;                        ///< of steps that were not watched
  std::array<double, kParts> part_ms{};  ///< by WorkPart; median, or mean where not every step has it
  std::array<Spread, kParts> part_spread{};
  int64_t watched_every = kLeastEvery;  ///< one step of so many was watched
  /// What watching adds to a step: the median over pairs of a watched step and one beside it, in percent.
  double watched_overhead_percent = 0;
  /// What it adds to all measured steps together, and the standard error of that.
  double overhead_percent = 0;
  double overhead_margin = 0;

  double flops = 0;        ///< a step
  double peak_rss_mb = 0;  ///< of the process, in MiB
  size_t weight_bytes = 0, optimizer_bytes = 0;
  MemoryProfile memory;
  Peaks peaks;
  std::vector<Row> rows;   ///< by operator, layer and part, longest first
  std::string trace_note;  ///< what the trace had to leave out, "" for nothing

  double samples_per_s() const { return step_ms.median > 0 ? samples / step_ms.median * 1e3 : 0; }
  double gflops() const { return step_ms.median > 0 ? flops / step_ms.median * 1e-6 : 0; }
};

/// Does warm-up steps, one that watches memory, then watched and other steps in turn. Writes nothing but the
/// trace. Errors: those of configs, data and weights; io when the trace cannot be written, before any work
/// where that is known.
Profile profile(const ProfileOptions& options);

/// Raises an io error when a file could not be made there: its folder is missing, or it is one.
void require_place_for(const std::string& file, std::string_view option);

}  // namespace dlb::profile
