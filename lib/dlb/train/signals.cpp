#include "dlb/train/signals.h"

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <ctime>

namespace dlb::train {
namespace {

std::atomic<bool> requested{false};
static_assert(std::atomic<bool>::is_always_lock_free, "used in a signal handler");

/// Those who watch over processes (timeout, a terminal's wrapper) may signal both the process and its group:
/// what follows so soon is not a second wish.
constexpr int64_t kOneWishNs = 20'000'000;
std::atomic<int64_t> requested_ns{0};
static_assert(std::atomic<int64_t>::is_always_lock_free, "used in a signal handler");

void on_signal(int) {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const int64_t ns = int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
  if (!requested.exchange(true)) {
    requested_ns = ns;
  } else if (ns - requested_ns > kOneWishNs) {
    _exit(130);
  }
}

}  // namespace

SignalScope::SignalScope() {
  requested_ns = INT64_MAX;  // until the first signal has said when it came
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
