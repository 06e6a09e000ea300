#include "dlb/train/patterns.h"

#include <algorithm>
#include <set>

#include "dlb/optim/optimizer.h"

namespace dlb::train {

using config::Node;

bool covers(const std::string& pattern, const std::string& name) {
  if (optim::matches(pattern, name)) return true;
  // What stands before one of the dots may match too.
  for (size_t dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    if (optim::matches(pattern, name.substr(0, dot))) return true;
  }
  return false;
}

bool any_covers(const std::vector<std::string>& patterns, const std::string& name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const std::string& pattern) { return covers(pattern, name); });
}

std::vector<std::string> read_patterns(config::Reader& reader, const Node& written, std::string_view what) {
  std::vector<std::string> patterns;
  Node node;
  try {
    node = config::evaluate_all(written, reader.scope());
  } catch (Error& e) {
    reader.errors().add(std::move(e));
    return {};
  }
  const std::vector<Node> items = node.is_list() ? node.items() : std::vector<Node>{node};
  if (items.empty()) reader.error(node, fmt::format("{} is an empty list", what));
  for (const Node& item : items) {
    if (item.is_string() && !item.as_string().empty()) {
      patterns.push_back(item.as_string());
    } else {
      reader.error(item,
                   fmt::format("{} must be a name, a pattern or a list of them, got {}", what, item.found()));
      return {};
    }
  }
  return patterns;
}

void check_patterns(config::Reader& reader, const Node& node, const std::vector<std::string>& patterns,
                    const std::vector<nn::Variable>& variables, std::string_view what) {
  const std::vector<Node> items = node.is_list() ? node.items() : std::vector<Node>{node};
  for (size_t i = 0; i < patterns.size(); ++i) {
    const std::string& pattern = patterns[i];
    if (std::any_of(variables.begin(), variables.end(),
                    [&](const nn::Variable& v) { return covers(pattern, v.name); }))
      continue;
    std::set<std::string> names;
    for (const nn::Variable& v : variables) {
      names.insert(v.name);
      for (size_t dot = v.name.find('.'); dot != std::string::npos; dot = v.name.find('.', dot + 1))
        names.insert(v.name.substr(0, dot));
    }
    const std::string near = nearest_name(pattern, {names.begin(), names.end()});
    std::string hint;
    if (near.empty() && !variables.empty()) {
      hint = fmt::format("the first parameter is '{}', the last '{}'", variables.front().name,
                         variables.back().name);
    }
    reader.error(i < items.size() ? items[i] : node,
                 fmt::format("{}: no parameter is named '{}'{}", what, pattern,
                             near.empty() ? "" : fmt::format("; did you mean '{}'?", near)),
                 std::move(hint));
  }
}

}  // namespace dlb::train
