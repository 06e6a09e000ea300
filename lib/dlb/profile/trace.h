#pragma once
/// \file Records as a trace in Chrome's format, which Perfetto and chrome://tracing open.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dlb/profile/recorder.h"

namespace dlb::profile {

inline constexpr size_t kMostTraceEvents = 150'000;

/// Collects steps until a number of events is reached. In the trace, what is done within something else lies
/// within it: step, part, layer or gradient, operator; each begin (`B`) has its end (`E`), and a counter
/// shows the memory in use after each operator.
class Trace {
 public:
  explicit Trace(size_t most_events = kMostTraceEvents) : left_(most_events) {}
  /// Of the last step that there is room for, only the beginning may be kept.
  void add(int64_t number, int64_t begin, int64_t end, std::span<const Record> records);
  /// The trace as one JSON document; `title` names the process.
  std::string json(const std::string& title) const;
  size_t kept_steps() const { return steps_.size(); }
  /// Events that were left out, and of how many steps.
  size_t dropped_events() const { return dropped_; }
  size_t dropped_steps() const { return dropped_steps_; }
  /// "the trace has ...", or "" when nothing was left out.
  std::string note() const;

 private:
  struct Step {
    int64_t number, begin, end;
    std::vector<Record> records;
  };
  std::vector<Step> steps_;
  size_t left_;
  size_t dropped_ = 0, dropped_steps_ = 0;
};

}  // namespace dlb::profile
