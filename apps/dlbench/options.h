#pragma once
/// \file Options that several subcommands have, and how wrong command lines are explained.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "dlb/base/error.h"

namespace dlb::app {

void add_set_option(CLI::App& command, std::vector<std::string>& overrides);
void add_device_options(CLI::App& command, std::string& device, int& threads);
void add_threads_option(CLI::App& command, int& threads);

/// Accepts whole numbers from `min` to `max`.
CLI::Validator whole_number(int64_t min, int64_t max);
/// Accepts one of `names`; suggests the nearest otherwise.
CLI::Validator name_among(std::vector<std::string> names);

/// What is wrong with the command line, in terms of what was typed, with the nearest command or option.
Error usage_error(const CLI::App& app, const CLI::ParseError& parse_error);

}  // namespace dlb::app
