#pragma once
/// \file metrics.jsonl: one JSON object a line.

#include <cstdint>
#include <optional>
#include <string>

#include "dlb/base/files.h"
#include "dlb/train/checkpoint.h"

namespace dlb::train {

/// One line of metrics.jsonl.
struct Record {
  int64_t step = 0;
  double epoch = 0;  ///< epochs done, with fraction
  std::string split;
  MetricValues values;  ///< "loss" and the metrics
  std::optional<double> lr;
  std::optional<double> grad_norm;
  std::optional<double> samples_per_s;
};

/// {"step": ..., "epoch": ..., "split": ..., "loss": ..., ...}; a value that is not finite becomes null.
std::string to_json(const Record& record);

/// The values of the last record of that split in a metrics.jsonl, empty when there is none. Errors: io,
/// data.
MetricValues last_record(const std::string& path, const std::string& split);

/// Appends records to a file.
class MetricsLog {
 public:
  /// Opens the file, cut to its first `bytes` bytes: what a run wrote after the checkpoint it goes on from is
  /// written again. Errors: io.
  MetricsLog(const std::string& path, uint64_t bytes);
  void write(const Record& record);
  uint64_t bytes() const { return bytes_; }
  void sync() { out_.sync(); }

 private:
  uint64_t bytes_;
  files::Appender out_;
};

}  // namespace dlb::train
