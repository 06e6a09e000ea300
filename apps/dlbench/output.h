#pragma once
/// \file Writing results to stdout.

#include <fmt/core.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace dlb::app {

/// Appends to stdout. A failure is remembered for finish_output(), so that a result that cannot be shown ends
/// no run.
void out(std::string_view text);

template <class... Args>
void print(fmt::format_string<Args...> format, Args&&... args) {
  out(fmt::format(format, std::forward<Args>(args)...));
}

/// Appends one JSON document on a line of its own. Bytes that are no UTF-8, as paths may have, are replaced.
void out_json(const nlohmann::ordered_json& document);

/// Flushes stdout; returns the errno of the first write that failed, 0 when all is written. A reader that has
/// gone away (EPIPE) has seen all that it wanted and is no failure.
int finish_output();

}  // namespace dlb::app
