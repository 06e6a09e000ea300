#pragma once
/// \file Shorthands of the config tests.

#include <string>
#include <vector>

#include "dlb/base/error.h"
#include "dlb/config/document.h"
#include "dlb/config/node.h"

namespace dlb::test {

/// The report of the Error that `action` raises, or "no error".
template <class F>
std::string report_of(const F& action) {
  try {
    action();
  } catch (const Error& e) {
    return e.report();
  }
  return "no error";
}

/// The root of a config text, named c.yaml in messages.
inline config::Node parse(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return config::Document::parse(text, "c.yaml", overrides).root();
}

/// The report of the errors in a config text.
inline std::string parse_report(const std::string& text, const std::vector<std::string>& overrides = {}) {
  return report_of([&] { parse(text, overrides); });
}

inline std::string repeated(const std::string& text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

}  // namespace dlb::test
