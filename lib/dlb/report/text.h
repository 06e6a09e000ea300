#pragma once
/// \file Numbers, times and text as tables and pages show them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dlb::report {

/// Six significant digits; "-" for nothing, "nan" for what was not finite.
std::string number_text(double value);
std::string number_text(const std::optional<double>& value);
/// "1,234,567"
std::string count_text(int64_t value);
/// "0.35 s", "12.3 s", "4 min 05 s", "2 h 03 min"
std::string duration_text(double seconds);
/// At most `most` bytes of it, cut between characters, with "..." where something is missing.
std::string shortened(std::string_view text, size_t most);

/// JSON that may stand inside a <script> element: no character in it can end that.
std::string escape_script(std::string_view json);

}  // namespace dlb::report
