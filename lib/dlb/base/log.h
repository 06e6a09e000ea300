#pragma once
/// \file Messages for people: stderr, and the run folder's log.txt when one is open.

#include <fmt/core.h>

#include <functional>
#include <string>
#include <string_view>

namespace dlb::log {

enum class Level { kDebug, kInfo, kWarning, kError };

/// Messages below `level` are dropped (default kInfo; `--quiet` raises it to kWarning).
void set_level(Level level);
Level level();
/// A further receiver of every line that is shown, such as log.txt. Empty to remove.
void set_sink(std::function<void(std::string_view line)> sink);
/// Called before a line goes to stderr, so that a progress bar can clear itself. Empty to remove.
void set_before_line(std::function<void()> hook);

/// One whole line (without newline) to stderr and the sink; thread-safe.
void write(Level level, std::string_view line);

template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  if (level() <= Level::kInfo) write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void warning(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::kWarning, "warning: " + fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace dlb::log
