#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <new>
#include <nlohmann/json.hpp>
#include <system_error>

#include "commands.h"
#include "dlb/backend/cpu/install.h"
#include "dlb/base/error.h"
#include "dlb/base/log.h"
#include "dlb/base/version.h"
#include "options.h"
#include "output.h"

namespace dlb::app {

void add_output_flags(CLI::App& command, Globals& globals) {
  command.add_flag("--json", globals.json, "print the result as one JSON document");
  command.add_flag("--quiet", globals.quiet, "print warnings and errors only");
}

namespace {

nlohmann::ordered_json error_json(const Error& e) {
  nlohmann::ordered_json j = {{"kind", kind_name(e.kind)}, {"message", e.message}};
  if (!e.where.empty()) j["where"] = e.where;
  if (!e.context.empty()) j["context"] = e.context;
  if (!e.hint.empty()) j["hint"] = e.hint;
  return j;
}

/// Reports on stderr, and with --json as the one document on stdout too; returns the exit code.
int report(const Error& e, const Globals& globals) {
  log::write(log::Level::kError, e.report());
  if (globals.json) {
    nlohmann::ordered_json errors = nlohmann::ordered_json::array({error_json(e)});
    for (const Error& other : e.more) errors.push_back(error_json(other));
    out_json({{"status", "failed"}, {"errors", errors}});
  }
  int code = exit_code(e.kind);
  for (const Error& other : e.more) code = std::max(code, exit_code(other.kind));
  return code;
}

/// An argument as it would have to be typed.
std::string shell_word(std::string_view argument) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
  if (!argument.empty() && argument.find_first_not_of(kPlain) == std::string_view::npos)
    return std::string(argument);
  std::string word = "'";
  for (const char c : argument) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

int help(const CLI::App& app) {
  const auto used = app.get_subcommands();
  out(used.empty() ? overview() : used.front()->help(app.get_name()));
  return 0;
}

int run(int argc, char** argv) {
  Globals globals;
  for (int i = 0; i < argc; ++i) {
    globals.command += (i > 0 ? " " : "") + shell_word(argv[i]);
    if (std::string_view(argv[i]) == "--json")
      globals.json = true;  // known before parsing, for errors of parsing
    if (std::string_view(argv[i]) == "--quiet") log::set_level(log::Level::kWarning);
  }
  if (argc <= 1) {
    std::fputs(overview().c_str(), stderr);
    return 2;
  }
  CLI::App app("dlbench", "dlbench");
  app.set_version_flag("--version", fmt::format("dlbench {} ({})", version(), build_description()));
  app.require_subcommand(1);
  add_output_flags(app, globals);
  add_train(app, globals);
  add_eval(app, globals);
  add_export(app, globals);
  add_run(app, globals);
  add_profile(app, globals);
  add_check(app, globals);
  add_new(app, globals);
  add_help(app, globals);
  add_ops(app, globals);
  add_schema(app, globals);
  add_data(app, globals);
  add_regress(app, globals);
  add_doctor(app, globals);
  add_report(app, globals);
  add_runs(app, globals);
  add_compare(app, globals);
  try {
    app.parse(argc, argv);
    return globals.exit_code;
  } catch (const CLI::CallForHelp&) {
    return help(app);
  } catch (const CLI::CallForVersion& e) {
    out(std::string(e.what()) + "\n");
    return 0;
  } catch (const CLI::ParseError& e) {
    return report(usage_error(app, e), globals);
  } catch (const Error& e) {
    return report(e, globals);
  } catch (const std::bad_alloc&) {
    return report(Error(ErrorKind::kDevice, "out of memory"), globals);
  } catch (const std::exception& e) {
    return report(Error(ErrorKind::kInternal, e.what()), globals);
  }
}

/// Opens what of stdin, stdout and stderr is closed, lest the next file that is opened becomes one of them
/// and gets our messages.
void occupy_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    // A result written to stdout must fail, a message to stderr need not.
    const int opened = ::open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
    if (opened != fd && opened >= 0) ::close(opened);
  }
}

/// Lets the process start over with OpenMP's threads told to sleep soon when they wait. By default they spin
/// for so long that training beside another busy process takes many times longer than it need; the library
/// reads its settings before main(). What the user has set stands, and commands that compute little do not
/// pay for a second start.
void start_with_short_spins(int argc, char** argv) {
  const std::string_view command = argc > 1 ? argv[1] : "";
  constexpr std::string_view kComputing[] = {"train", "eval", "profile", "export", "run", "regress"};
  if (std::find(std::begin(kComputing), std::end(kComputing), command) == std::end(kComputing)) return;
  if (std::getenv("GOMP_SPINCOUNT") != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error || ::setenv("GOMP_SPINCOUNT", "10000", 1) != 0) return;
  ::execv(self.c_str(), argv);  // comes back only if it cannot; then this process will do
}

}  // namespace
}  // namespace dlb::app

int main(int argc, char** argv) {
  dlb::app::start_with_short_spins(argc, argv);
  std::signal(SIGPIPE, SIG_IGN);  // `dlbench train c.yaml | head` must not kill a run half way
  dlb::app::occupy_standard_streams();
  dlb::backend::cpu::install();
  int code = dlb::app::run(argc, argv);
  if (const int failure = dlb::app::finish_output(); failure != 0) {
    dlb::log::write(dlb::log::Level::kError,
                    fmt::format("error: cannot write the result to stdout: {}", std::strerror(failure)));
    if (code == 0) code = 1;
  }
  return code;
}
