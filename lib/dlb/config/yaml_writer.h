#pragma once
/// \file YAML on one line, for messages and lists of defaults.

#include <string>

#include "dlb/config/node.h"

namespace dlb::config {

/// The node in flow style on one line: "[1, 2]", "{a: x, b: null}".
std::string to_flow_yaml(const Node& node);

}  // namespace dlb::config
