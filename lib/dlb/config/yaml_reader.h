#pragma once
/// \file One YAML text to a tree, within bounds.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dlb/base/error_list.h"
#include "dlb/config/document.h"
#include "dlb/config/tree.h"

namespace dlb::config {

/// Where a text comes from. With `flag` set, the text is the value of a command-line flag: places have no
/// line and column.
struct YamlSource {
  std::shared_ptr<const std::string> name;
  bool flag = false;
  int depth = 0;  ///< levels of the config that will be around the value
};

/// Reads one YAML 1.2 document. `nodes_left` is what remains of Limits::nodes and is counted down. Returns
/// nothing when an error was recorded: bad encoding, syntax, duplicate or non-scalar keys, unknown tags,
/// nesting or expansion beyond the limits.
std::optional<Tree> read_yaml(std::string_view text, const YamlSource& source, const Limits& limits,
                              size_t& nodes_left, ErrorList& errors);

}  // namespace dlb::config
