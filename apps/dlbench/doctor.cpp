#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "dlb/backend/cpu/info.h"
#include "dlb/backend/cpu/install.h"
#include "dlb/base/error_list.h"
#include "dlb/base/log.h"
#include "dlb/base/threads.h"
#include "dlb/base/version.h"
#include "dlb/data/dataset.h"
#include "dlb/data/manifest.h"
#include "dlb/profile/peaks.h"
#include "options.h"
#include "output.h"

namespace dlb::app {

namespace {

/// "MemTotal" and "MemAvailable" of /proc/meminfo in MiB, 0 where it does not say.
double memory_mib(const std::string& key) {
  std::ifstream meminfo("/proc/meminfo");
  for (std::string line; std::getline(meminfo, line);) {
    if (line.starts_with(key + ":")) return std::strtod(line.c_str() + key.size() + 1, nullptr) / 1024;
  }
  return 0;
}

/// "" when the data set is there, else the first line of what is wrong.
std::string data_problem(const std::string& name) {
  try {
    ErrorList errors;
    const config::Scope scope;
    config::Reader reader(errors, scope);
    const auto source = data::make_source(reader, config::Node::string(name), {});
    errors.throw_if_any();
    source->spec();
    return {};
  } catch (const Error& e) {
    return e.message.substr(0, e.message.find('\n'));
  }
}

nlohmann::ordered_json examine() {
  const backend::cpu::Info cpu = backend::cpu::info();
  utsname system{};
  ::uname(&system);
  nlohmann::ordered_json data = nlohmann::ordered_json::object();
  for (const std::string& name : data::manifest_names()) {
    const std::string problem = data_problem(name);
    data[name] = problem.empty() ? "found" : problem;
  }
  const char* data_folder = std::getenv("DLBENCH_DATA");
  return {{"version", version()},
          {"build", build_description()},
          {"system", std::string(system.sysname) + " " + system.release + " " + system.machine},
          {"processor", cpu.processor},
          {"instruction_sets", cpu.isa},
          {"processors", available_processors()},
          {"memory_mib", std::llround(memory_mib("MemTotal"))},
          {"memory_available_mib", std::llround(memory_mib("MemAvailable"))},
          {"onednn", cpu.onednn + ", using " + cpu.onednn_isa},
          {"openblas", cpu.openblas},
          {"cuda", "not in this build"},
          {"DLBENCH_DATA", data_folder != nullptr ? data_folder : ""},
          {"data", data},
          {"folder_writable", ::access(".", W_OK) == 0},
          {"terminal", ::isatty(STDERR_FILENO) != 0}};
}

void print_report(const nlohmann::ordered_json& report) {
  for (const auto& [key, value] : report.items()) {
    if (value.is_object()) {
      for (const auto& [name, text] : value.items())
        print("{:<21}{}\n", key + " " + name, text.get<std::string>());
    } else if (value.is_array()) {
      std::string joined;
      for (const auto& item : value) joined += (joined.empty() ? "" : " ") + item.get<std::string>();
      print("{:<21}{}\n", key, joined);
    } else {
      print("{:<21}{}\n", key, value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
}

/// The number of threads asked for; else 1, 2, 4, ... and all.
std::vector<int> thread_counts(int asked) {
  if (asked > 0) return {asked};
  std::vector<int> counts;
  for (int n = 1; n < available_processors(); n *= 2) counts.push_back(n);
  counts.push_back(available_processors());
  return counts;
}

/// Measures this machine's peaks and keeps them for `profile`.
nlohmann::ordered_json measure_peaks(int asked) {
  backend::cpu::install();
  nlohmann::ordered_json peaks = nlohmann::ordered_json::array();
  const std::string file = profile::peak_cache_file();
  std::string problem;
  for (const int count : thread_counts(asked)) {
    set_threads(count);
    const profile::Peaks p = profile::measure_peaks();
    problem = profile::store_peaks(file, profile::peak_key(), p);
    peaks.push_back({{"threads", count}, {"gflops", p.gflops}, {"gb_per_s", p.gb_per_s}});
  }
  if (!problem.empty()) log::warning("the peaks are not kept: {}", problem);
  return {{"peaks", peaks}, {"file", problem.empty() ? file : ""}};
}

void print_peaks(const nlohmann::ordered_json& measured) {
  print("{:>7}  {:>9}  {:>7}\n", "threads", "GFLOP/s", "GB/s");
  for (const auto& p : measured["peaks"]) {
    print("{:>7}  {:>9.1f}  {:>7.1f}\n", p["threads"].get<int>(), p["gflops"].get<double>(),
          p["gb_per_s"].get<double>());
  }
  if (const auto file = measured["file"].get<std::string>(); !file.empty()) print("kept in {}\n", file);
}

}  // namespace

void add_doctor(CLI::App& app, Globals& globals) {
  CLI::App* command =
      app.add_subcommand("doctor", "Show what this machine offers: processor, libraries, data sets");
  struct Options {
    bool peaks = false;
    int threads = 0;
  };
  auto options = std::make_shared<Options>();
  CLI::Option* peaks = command->add_flag(
      "--peaks", options->peaks, "measure FLOP/s and memory bandwidth at most, and keep them for `profile`");
  command->add_option("--threads", options->threads, "of the measurement (default: 1, 2, 4, ... and all)")
      ->type_name("N")
      ->check(whole_number(1, 1024))
      ->needs(peaks);
  add_output_flags(*command, globals);
  command->callback([options, &globals] {
    const nlohmann::ordered_json report = options->peaks ? measure_peaks(options->threads) : examine();
    if (globals.json) {
      out_json(report);
    } else if (options->peaks) {
      print_peaks(report);
    } else {
      print_report(report);
    }
  });
}

}  // namespace dlb::app
