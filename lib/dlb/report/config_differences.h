#pragma once
/// \file What differs between the configs of runs.

#include <vector>

#include "dlb/config/node.h"
#include "dlb/report/compare.h"

namespace dlb::report {

/// The keys whose values differ, in the order of writing. Items of lists are matched by what they are, not by
/// where they stand, so that an item put in before others is one difference: equal ones first, then those of
/// one name (`as`, `id`, `name`), then those of one type. An item has its index in the first run; `[+2]` is
/// one that the first run lacks, at 2 in the first that has it.
std::vector<Difference> config_differences(const std::vector<config::Node>& configs);

}  // namespace dlb::report
