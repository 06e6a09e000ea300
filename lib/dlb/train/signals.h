#pragma once
/// \file Ctrl-C and SIGTERM as a request to stop.

#include <csignal>

namespace dlb::train {

/// While it lives, the first SIGINT or SIGTERM sets stop_requested() and a second one, 20 ms or more
/// later, ends the process at once with exit code 130.
class SignalScope {
 public:
  SignalScope();
  ~SignalScope();
  SignalScope(const SignalScope&) = delete;
  SignalScope& operator=(const SignalScope&) = delete;
  static bool stop_requested();

 private:
  struct sigaction previous_int_;
  struct sigaction previous_term_;
};

}  // namespace dlb::train
