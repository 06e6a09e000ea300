#pragma once
/// \file The measurements of a run, as metrics.jsonl has them.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dlb/report/curve.h"

namespace dlb::report {

/// One metric on one split.
struct Series {
  std::string metric, split;
  Curve curve;
};

struct Metrics {
  std::vector<Series> series;      ///< losses first, then metrics as they came up, then lr, grad_norm, speed
  int64_t records = 0;             ///< that were read
  std::vector<std::string> notes;  ///< what was left out, and why
  const Series* find(std::string_view split, std::string_view metric) const;
};

/// Reads a file of records. Lines that are none (a killed run ends within one) are left out with a note, as
/// are curves beyond the 200th; a missing file has no records. Memory is bounded whatever the file's length.
/// Errors: io, for a file that is there and cannot be read.
Metrics read_metrics(const std::string& path);

}  // namespace dlb::report
