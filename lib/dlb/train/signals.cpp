#include "dlb/train/signals.h"

#include <unistd.h>

#include <atomic>

namespace dlb::train {
namespace {

std::atomic<bool> requested{false};
static_assert(std::atomic<bool>::is_always_lock_free, "used in a signal handler");

void on_signal(int) {
  if (requested.exchange(true)) _exit(130);
}

}  // namespace

SignalScope::SignalScope() {
  requested = false;
  struct sigaction action = {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  // A file being written when the signal comes is no error of that file.
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, &previous_int_);
  sigaction(SIGTERM, &action, &previous_term_);
}

SignalScope::~SignalScope() {
  sigaction(SIGINT, &previous_int_, nullptr);
  sigaction(SIGTERM, &previous_term_, nullptr);
}

bool SignalScope::stop_requested() { return requested.load(std::memory_order_relaxed); }

}  // namespace dlb::train
