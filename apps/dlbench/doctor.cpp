#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "dlb/backend/cpu/info.h"
#include "dlb/base/error_list.h"
#include "dlb/base/threads.h"
#include "dlb/base/version.h"
#include "dlb/data/dataset.h"
#include "dlb/data/manifest.h"
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

}  // namespace

void add_doctor(CLI::App& app, Globals& globals) {
  CLI::App* command =
      app.add_subcommand("doctor", "Show what this machine offers: processor, libraries, data sets");
  add_output_flags(*command, globals);
  command->callback([&globals] {
    const nlohmann::ordered_json report = examine();
    if (globals.json) {
      out_json(report);
    } else {
      print_report(report);
    }
  });
}

}  // namespace dlb::app
