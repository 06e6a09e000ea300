#pragma once
/// \file The limits that a control group (container) imposes.

#include <cstdint>
#include <string>

namespace dlb {

/// Processors' worth of CPU time that this process' control group and its ancestors allow (v1 and v2), such
/// as 1.5, or 0 when there is no limit. `root` is put before /proc and /sys, so that tests can supply a
/// folder.
double cgroup_cpu_quota(const std::string& root = {});

/// Bytes of memory, swap included, beyond which this process cannot live: those of the machine, or what its
/// control group and its ancestors allow; 0 when neither can be read.
uint64_t memory_limit(const std::string& root = {});

}  // namespace dlb
