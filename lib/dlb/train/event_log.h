#pragma once
/// \file events.out.tfevents.*: what metrics.jsonl says, in the form that TensorBoard reads.

#include <cstdint>
#include <string>
#include <string_view>

#include "dlb/base/files.h"
#include "dlb/train/metrics_log.h"

namespace dlb::train {

/// The events of one process that works on a run. Scalars are named "METRIC/SPLIT", such as "loss/train";
/// the learning rate, the gradient's norm and the speed go by their own names. **Source**: TensorFlow's
/// event.proto and record format: length (uint64) and its checksum (uint32), the message and its checksum.
class EventLog {
 public:
  /// Makes a new file in the run's folder, behind those that are there already, of which TensorBoard drops
  /// what lies behind the step of the checkpoint that the run goes on from (0: all). Errors: io.
  EventLog(const std::string& folder, int64_t checkpoint_step);
  void write(const Record& record);
  void sync() { out_.sync(); }

 private:
  files::Appender out_;
};

/// A message as it stands in an event file.
std::string event_record(std::string_view message);

}  // namespace dlb::train
