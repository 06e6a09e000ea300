#include "dlb/regress/machine.h"

#include <fmt/core.h>
#include <gnu/libc-version.h>
#include <sys/utsname.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>

#include "dlb/backend/cpu/info.h"
#include "dlb/base/version.h"

namespace dlb::regress {

std::string processor_kind(const std::string& cpuinfo, const std::string& architecture) {
  std::string maker, family, model;
  const auto take = [](std::string& to, std::string_view line, std::string_view key) {
    const size_t colon = line.find(':');
    if (!to.empty() || colon == std::string_view::npos) return;
    std::string_view name = line.substr(0, colon);
    while (name.ends_with(' ') || name.ends_with('\t')) name.remove_suffix(1);
    if (name != key) return;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    to = value;
  };
  std::istringstream lines(cpuinfo);
  for (std::string line; std::getline(lines, line);) {
    take(maker, line, "vendor_id");
    take(maker, line, "CPU implementer");
    take(family, line, "cpu family");
    take(family, line, "CPU architecture");
    take(model, line, "model");
    take(model, line, "CPU part");
  }
  if (maker.empty() || family.empty() || model.empty()) return architecture;
  return fmt::format("{} family {} model {}", maker, family, model);
}

Machine this_machine(int threads) {
  const backend::cpu::Info cpu = backend::cpu::info();
  std::ifstream file("/proc/cpuinfo");
  const std::string cpuinfo{std::istreambuf_iterator<char>(file), {}};
  utsname system{};
  ::uname(&system);
  std::string sets;
  for (const std::string& set : cpu.isa) sets += (sets.empty() ? "" : " ") + set;
  return {{"processor", processor_kind(cpuinfo, system.machine)},
          {"instruction_sets", sets},
          {"threads", fmt::format("{}", threads)},
          {"build", std::string(build_description())},
          {"onednn", fmt::format("{}, using {}", cpu.onednn, cpu.onednn_isa)},
          {"openblas", cpu.openblas},
          {"libc", ::gnu_get_libc_version()}};
}

std::vector<std::string> differences(const Machine& found, const Machine& expected) {
  std::vector<std::string> out;
  const auto text = [](const Machine& machine, const std::string& key) {
    const auto fact = machine.find(key);
    return fact == machine.end() ? std::string("unknown") : fact->second;
  };
  Machine all = found;
  all.insert(expected.begin(), expected.end());
  for (const auto& [key, value] : all) {
    const std::string here = text(found, key), there = text(expected, key);
    if (here != there) out.push_back(fmt::format("{} {}, not {}", key, here, there));
  }
  return out;
}

}  // namespace dlb::regress
