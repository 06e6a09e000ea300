#include "dlb/base/cgroup.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string_view>
#include <vector>

namespace dlb {
namespace {

/// One mounted cgroup hierarchy.
struct Hierarchy {
  bool v2 = false;
  std::string mount_root;   ///< the part of the hierarchy that is mounted
  std::string mount_point;  ///< where
};

bool has_item(std::string_view list, std::string_view item) {
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    if (list.substr(0, comma) == item) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

/// Lines of /proc/self/mountinfo: "id parent major:minor root mount_point options... - type source
/// super_options". Those with a controller ("cpu", "memory").
std::vector<Hierarchy> hierarchies(const std::string& root, std::string_view controller) {
  std::vector<Hierarchy> found;
  std::ifstream file(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream before(line.substr(0, dash));
    std::istringstream after(line.substr(dash + 3));
    std::string skip, type, options;
    Hierarchy h;
    before >> skip >> skip >> skip >> h.mount_root >> h.mount_point;
    after >> type >> skip >> options;
    h.v2 = type == "cgroup2";
    if (h.v2 || (type == "cgroup" && has_item(options, controller))) found.push_back(std::move(h));
  }
  return found;
}

/// The group of this process in a hierarchy; lines are "0::/path" (v2) and "4:cpu,cpuacct:/path" (v1).
std::string own_group(const std::string& root, bool v2, std::string_view controller) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t a = line.find(':');
    const size_t b = a == std::string::npos ? a : line.find(':', a + 1);
    if (b == std::string::npos) continue;
    const std::string controllers = line.substr(a + 1, b - a - 1);
    if (v2 ? controllers.empty() : has_item(controllers, controller)) return line.substr(b + 1);
  }
  return "/";
}

/// The limit that one folder of a hierarchy sets, or 0.
double folder_quota(const std::string& folder, bool v2) {
  double quota = 0;
  double period = 0;
  if (v2) {
    std::ifstream file(folder + "/cpu.max");
    std::string first;
    if (!(file >> first >> period) || first == "max") return 0;
    std::istringstream(first) >> quota;
  } else {
    std::ifstream(folder + "/cpu.cfs_quota_us") >> quota;
    std::ifstream(folder + "/cpu.cfs_period_us") >> period;
  }
  return quota > 0 && period > 0 ? quota / period : 0;
}

/// The bytes that one folder of a hierarchy allows, or 0.
uint64_t folder_memory(const std::string& folder, bool v2) {
  std::ifstream file(folder + (v2 ? "/memory.max" : "/memory.limit_in_bytes"));
  uint64_t bytes = 0;  // "max" is none
  return file >> bytes ? bytes : 0;
}

/// Calls f(folder, v2) for the group of this process and its ancestors in each hierarchy with a controller.
template <class F>
void for_each_group(const std::string& root, std::string_view controller, const F& f) {
  for (const Hierarchy& h : hierarchies(root, controller)) {
    std::string group = own_group(root, h.v2, controller);
    // Without a cgroup namespace the group's path starts with the part that is mounted; a path outside of it
    // is not visible.
    if (h.mount_root != "/") {
      group = group.starts_with(h.mount_root) ? group.substr(h.mount_root.size()) : std::string();
    }
    while (true) {
      while (!group.empty() && group.back() == '/') group.pop_back();
      f(root + h.mount_point + group, h.v2);
      if (group.empty()) break;
      group.resize(group.rfind('/') == std::string::npos ? 0 : group.rfind('/'));
    }
  }
}

}  // namespace

double cgroup_cpu_quota(const std::string& root) {
  double least = 0;
  for_each_group(root, "cpu", [&](const std::string& folder, bool v2) {
    const double quota = folder_quota(folder, v2);
    if (quota > 0 && (least == 0 || quota < least)) least = quota;
  });
  return least;
}

uint64_t memory_limit(const std::string& root) {
  uint64_t memory = 0, swap = 0;
  std::ifstream file(root + "/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    uint64_t kib = 0;
    if (!(words >> name >> kib)) continue;
    if (name == "MemTotal:") memory = kib * 1024;
    if (name == "SwapTotal:") swap = kib * 1024;
  }
  for_each_group(root, "memory", [&](const std::string& folder, bool v2) {
    const uint64_t bytes = folder_memory(folder, v2);
    if (bytes > 0 && (memory == 0 || bytes < memory)) memory = bytes;
  });
  return memory == 0 ? 0 : memory + swap;
}

}  // namespace dlb
