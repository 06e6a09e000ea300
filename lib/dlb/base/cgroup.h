#pragma once
/// \file The CPU quota that a control group (container) imposes.

#include <string>

namespace dlb {

/// Processors' worth of CPU time that this process' control group and its ancestors allow (v1 and v2), such
/// as 1.5, or 0 when there is no limit. `root` is put before /proc and /sys, so that tests can supply a
/// folder.
double cgroup_cpu_quota(const std::string& root = {});

}  // namespace dlb
