#include "output.h"

#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace dlb::app {

namespace {

int g_failure = 0;

void remember_failure() {
  if (g_failure == 0) g_failure = errno;
}

}  // namespace

void out(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) remember_failure();
}

void out_json(const nlohmann::ordered_json& document) {
  out(document.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

int finish_output() {
  if (std::fflush(stdout) != 0) remember_failure();
  return g_failure == EPIPE ? 0 : g_failure;
}

}  // namespace dlb::app
