#pragma once
/// \file Text inside HTML, SVG and XML.

#include <string>
#include <string_view>

namespace dlb {

/// Text as it may stand between tags and in attributes: & < > " ' as entities, control characters other than
/// line feed and tab as U+FFFD.
std::string escape_markup(std::string_view text);

}  // namespace dlb
