#include "dlb/regress/junit.h"

#include <fmt/core.h>

#include <cstdint>

#include "dlb/base/markup.h"

namespace dlb::regress {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

/// Bytes of the UTF-8 character that begins a text, 0 when it is none that XML may have.
size_t character_bytes(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  const size_t length = first < 0x80   ? 1
                        : first < 0xC2 ? 0
                        : first < 0xE0 ? 2
                        : first < 0xF0 ? 3
                        : first < 0xF5 ? 4
                                       : 0;
  if (length == 0 || length > text.size()) return 0;
  uint32_t code = length == 1 ? first : first & (0x7FU >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3FU);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool control = code < 0x20 && code != '\t' && code != '\n' && code != '\r';
  const bool excluded =
      (code >= 0xD800 && code < 0xE000) || code == 0xFFFE || code == 0xFFFF || code > 0x10FFFF;
  return overlong || control || excluded ? 0 : length;
}

std::string check_text(const Check& c) {
  std::string text = fmt::format("expected {}", c.expected);
  if (!c.tolerance.empty()) text += fmt::format(" ({})", c.tolerance);
  text += fmt::format(", found {}", c.found);
  return c.note.empty() ? text : text + ": " + c.note;
}

std::string test_case(const Outcome& outcome, std::string_view name, double seconds,
                      const std::string& inside) {
  std::string out = fmt::format(R"(    <testcase classname="recipes.{}" name="{}" time="{:.3f}")",
                                xml_text(outcome.recipe.name), xml_text(name), seconds);
  return out + (inside.empty() ? "/>\n" : ">\n      " + inside + "\n    </testcase>\n");
}

std::string element(std::string_view tag, const std::string& message) {
  return fmt::format(R"(<{} message="{}"/>)", tag, xml_text(message));
}

struct Counts {
  int tests = 0, failures = 0, errors = 0, skipped = 0;
};

std::string suite_cases(const Outcome& outcome, Counts& counts) {
  std::string out;
  // The run itself is a case, so that one without any check is seen as well.
  std::string inside;
  ++counts.tests;
  if (outcome.status == Status::kFailed) {
    ++counts.errors;
    inside = element("error", outcome.reason);
  } else if (outcome.status == Status::kSkipped) {
    ++counts.skipped;
    inside = element("skipped", outcome.reason);
  } else if (outcome.status == Status::kInterrupted) {
    ++counts.errors;
    inside = element("error", "interrupted");
  }
  out += test_case(outcome, "run", outcome.seconds, inside);
  for (const Check& c : outcome.checks) {
    ++counts.tests;
    inside.clear();
    if (c.verdict == Verdict::kMissed) {
      ++counts.failures;
      inside = element("failure", check_text(c));
    } else if (c.verdict == Verdict::kNotComparable || c.verdict == Verdict::kReported) {
      ++counts.skipped;
      inside = element("skipped", std::string(verdict_name(c.verdict)) + ": " + check_text(c));
    } else {
      inside = fmt::format("<system-out>{}</system-out>", xml_text(check_text(c)));
    }
    out += test_case(outcome, c.name, 0, inside);
  }
  return out;
}

std::string attributes(const Counts& c, double seconds) {
  return fmt::format(R"(tests="{}" failures="{}" errors="{}" skipped="{}" time="{:.3f}")", c.tests,
                     c.failures, c.errors, c.skipped, seconds);
}

}  // namespace

std::string xml_text(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t bytes = character_bytes(text);
    const char c = text.front();
    if (bytes == 0) {
      out += kReplacement;
    } else if (c == '\n' || c == '\t' || c == '\r') {
      out += fmt::format("&#{};", static_cast<int>(c));  // attributes would make blanks of them
    } else {
      out += escape_markup(text.substr(0, bytes));
    }
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return out;
}

std::string to_junit(const Report& report) {
  std::string suites;
  Counts all;
  for (const Outcome& outcome : report.outcomes) {
    Counts counts;
    const std::string cases = suite_cases(outcome, counts);
    suites += fmt::format("  <testsuite name=\"{}\" {}>\n{}  </testsuite>\n", xml_text(outcome.recipe.name),
                          attributes(counts, outcome.seconds), cases);
    all.tests += counts.tests;
    all.failures += counts.failures;
    all.errors += counts.errors;
    all.skipped += counts.skipped;
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"dlbench regress\" "
      "{}>\n{}</testsuites>\n",
      attributes(all, report.seconds), suites);
}

}  // namespace dlb::regress
