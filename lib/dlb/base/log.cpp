#include "dlb/base/log.h"

#include <atomic>
#include <cstdio>
#include <mutex>

namespace dlb::log {
namespace {

std::atomic<Level> g_level{Level::kInfo};
std::mutex g_mutex;
std::function<void(std::string_view)> g_sink;
std::function<void()> g_before_line;

// A sink or hook that logs itself must neither deadlock nor recurse; its lines go to stderr only.
thread_local bool t_writing = false;

void to_stderr(std::string_view line) {
  std::string whole(line);
  whole += '\n';
  std::fwrite(whole.data(), 1, whole.size(), stderr);
}

}  // namespace

void set_level(Level new_level) { g_level = new_level; }

Level level() { return g_level; }

void set_sink(std::function<void(std::string_view line)> sink) {
  const std::lock_guard lock(g_mutex);
  g_sink = std::move(sink);
}

void set_before_line(std::function<void()> hook) {
  const std::lock_guard lock(g_mutex);
  g_before_line = std::move(hook);
}

void write(Level line_level, std::string_view line) {
  if (line_level < level()) return;
  if (t_writing) return to_stderr(line);
  const std::lock_guard lock(g_mutex);
  t_writing = true;
  try {
    if (g_before_line) g_before_line();
  } catch (...) {
    g_before_line = nullptr;
  }
  to_stderr(line);
  try {
    if (g_sink) g_sink(line);
  } catch (const std::exception& e) {
    // A full disk must not end a run because of a message; the run's own writes report it.
    g_sink = nullptr;
    to_stderr(std::string("warning: messages are no longer kept: ") + e.what());
  }
  t_writing = false;
}

}  // namespace dlb::log
