#pragma once
/// \file The runs of a folder.

#include <string>
#include <vector>

#include "dlb/report/run.h"

namespace dlb::report {

/// A run as a list shows it.
struct ListedRun {
  std::string name;  ///< of its folder
  std::string path;
  RunInfo info;
  int64_t steps = 0;
  std::string split;                                    ///< that `metrics` are of: test, else val, else train
  std::vector<std::pair<std::string, double>> metrics;  ///< the loss first
  std::vector<std::string> notes;                       ///< what is missing or damaged
};

struct RunList {
  std::string folder;
  std::vector<ListedRun> runs;
  int64_t others = 0;  ///< folders that are no runs

  std::string text() const;  ///< a table for a terminal
  std::string json() const;  ///< one line
};

struct ListOptions {
  std::string folder = "runs";
  std::string sort = "start";  ///< name, status, steps, time, start, or a metric ("accuracy", "val.loss")
  bool reverse = false;
  std::vector<std::string> filters = {};  ///< "TEXT" in the name, or "status=done"; all must hold
};

/// The runs below a folder: the newest, longest or best first, names and status in alphabetical order
/// (numbers in names by their value); `reverse` turns that around. A folder that is a run itself is a list of
/// one. What is broken is listed with status "unknown" and notes. Errors: io when there is no such folder;
/// config for a sort key or filter that means nothing.
RunList list_runs(const ListOptions& options);

}  // namespace dlb::report
