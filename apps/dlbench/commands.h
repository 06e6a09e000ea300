#pragma once
/// \file The subcommands: each adds itself to the command line and keeps its options alive.

#include <CLI/CLI.hpp>
#include <string>

namespace dlb::app {

/// What every subcommand shares.
struct Globals {
  bool json = false;    ///< stdout carries one JSON document
  bool quiet = false;   ///< warnings and errors only on stderr
  std::string command;  ///< the whole command line, for run.json
  int exit_code = 0;    ///< set by a subcommand that ends well but not with 0 (130 after an interrupt)
};

/// Adds `--json` and `--quiet` to a command.
void add_output_flags(CLI::App& command, Globals& globals);

void add_train(CLI::App& app, Globals& globals);
void add_eval(CLI::App& app, Globals& globals);
void add_export(CLI::App& app, Globals& globals);
void add_run(CLI::App& app, Globals& globals);
void add_profile(CLI::App& app, Globals& globals);
void add_check(CLI::App& app, Globals& globals);
void add_new(CLI::App& app, Globals& globals);
void add_help(CLI::App& app, Globals& globals);
void add_ops(CLI::App& app, Globals& globals);
void add_schema(CLI::App& app, Globals& globals);
void add_data(CLI::App& app, Globals& globals);
void add_regress(CLI::App& app, Globals& globals);
void add_doctor(CLI::App& app, Globals& globals);
void add_report(CLI::App& app, Globals& globals);
void add_runs(CLI::App& app, Globals& globals);
void add_compare(CLI::App& app, Globals& globals);

/// What dlbench is and can do, on one screen.
std::string overview();

}  // namespace dlb::app
