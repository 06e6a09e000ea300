#pragma once
/// \file The report as JUnit XML, which CI systems show.

#include <string>
#include <string_view>

#include "dlb/regress/regress.h"

namespace dlb::regress {

/// A test suite for each recipe, a test case for each check: a miss is a failure, a run that ended with an
/// error is one, and what was not compared is skipped with the reason.
std::string to_junit(const Report& report);

/// Text as it may stand in XML 1.0, in an attribute or between tags: special characters as entities; control
/// characters and bytes that are no UTF-8 as U+FFFD.
std::string xml_text(std::string_view text);

}  // namespace dlb::regress
