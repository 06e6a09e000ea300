#pragma once
/// \file What the sweep is doing just now, so that a crash can be told by name.

#include <string_view>

namespace dlb::testing {

void set_current_case(std::string_view variant, std::string_view id);
void set_current_check(std::string_view what);
/// Makes SIGSEGV, SIGFPE and SIGABRT print what is running before the program dies.
void install_crash_message();

}  // namespace dlb::testing
