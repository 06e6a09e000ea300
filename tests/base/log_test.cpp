#include "dlb/base/log.h"

#include <catch2/catch.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace dlb;

namespace {

/// Restores the log's defaults when a test ends.
struct Restore {
  ~Restore() {
    log::set_sink({});
    log::set_before_line({});
    log::set_level(log::Level::kInfo);
  }
};

}  // namespace

TEST_CASE("the sink gets each line that is shown, after the hook") {
  const Restore restore;
  std::vector<std::string> lines;
  log::set_sink([&](std::string_view line) { lines.emplace_back(line); });
  log::set_before_line([&] { lines.emplace_back("hook"); });
  log::info("step {}", 3);
  log::warning("slow");
  log::set_level(log::Level::kWarning);
  log::info("dropped");
  log::warning("kept");
  CHECK(lines ==
        std::vector<std::string>{"hook", "step 3", "hook", "warning: slow", "hook", "warning: kept"});
}

TEST_CASE("lines from several threads stay whole and none is lost") {
  const Restore restore;
  std::vector<std::string> lines;
  log::set_sink([&](std::string_view line) { lines.emplace_back(line); });
  std::vector<std::thread> workers;
  for (int t = 0; t < 4; ++t) {
    workers.emplace_back([] {
      for (int i = 0; i < 25; ++i) log::info("0123456789");
    });
  }
  for (std::thread& worker : workers) worker.join();
  CHECK(lines == std::vector<std::string>(100, "0123456789"));
}

TEST_CASE("a sink that logs or fails neither recurses nor stops the program") {
  const Restore restore;
  int calls = 0;
  log::set_sink([&](std::string_view) {
    ++calls;
    log::info("from the sink");
    throw std::runtime_error("disk full");
  });
  CHECK_NOTHROW(log::info("first"));
  CHECK_NOTHROW(log::info("second"));
  CHECK(calls == 1);
}
