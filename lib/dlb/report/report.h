#pragma once
/// \file The report of one run: what happened in it, on one page.

#include <cstdint>
#include <string>
#include <vector>

#include "dlb/report/run.h"

namespace dlb::report {

/// The page: curves, results, predictions, config, environment, messages.
std::string report_html(const Run& run);

struct Written {
  std::string file;
  uint64_t bytes = 0;
  std::string status;              ///< of the run
  std::vector<std::string> notes;  ///< what of the run is missing or damaged
};

/// Reads the run and writes its page to `out`, by default report.html in its folder. Errors: as read_run();
/// io.
Written write_report(const std::string& run, const std::string& out = {});

}  // namespace dlb::report
