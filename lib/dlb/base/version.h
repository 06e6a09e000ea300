#pragma once
/// \file Version and build of this binary.

#include <string_view>

namespace dlb {

/// "0.1.0"
std::string_view version();
/// Build type and compiler, such as "Release, GNU 12.2.0".
std::string_view build_description();

}  // namespace dlb
