#include "dlb/train/run_hook.h"

#include <algorithm>
#include <exception>
#include <string_view>

#include "dlb/base/error.h"
#include "dlb/base/log.h"

namespace dlb::train {
namespace {

constexpr auto kLeast = std::chrono::seconds(30);
constexpr int kShare = 100;

void warn(std::string_view message) noexcept {
  try {
    log::warning("{}", message);
  } catch (const std::exception&) {
  }
}

}  // namespace

RunHook::RunHook(std::function<void(const std::string& run)> call, std::string run)
    : call_(std::move(call)), run_(std::move(run)), next_(Clock::now() + kLeast) {}

void RunHook::now_and_then() {
  if (!call_ || Clock::now() < next_) return;
  const Clock::time_point start = Clock::now();
  now();
  const Clock::time_point end = Clock::now();
  next_ = end + std::max<Clock::duration>(kLeast, kShare * (end - start));
}

void RunHook::now() noexcept {
  if (!call_) return;
  try {
    call_(run_);
  } catch (const Error& e) {
    warn(e.message);
  } catch (const std::exception& e) {
    warn(e.what());
  }
}

}  // namespace dlb::train
