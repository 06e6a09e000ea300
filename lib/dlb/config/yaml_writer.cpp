#include "dlb/config/yaml_writer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "dlb/config/scalar.h"

namespace dlb::config {
namespace {

std::string scalar_text(const Node& node) {
  if (node.is_string()) return string_text(node.as_string());
  return node.brief();
}

/// YAML requires an implicit key to be at most 1024 characters; the writer turns to `? key` well before that.
constexpr size_t kLongestImplicitKey = 500;
constexpr size_t kLongestFlowList = 80;

/// Lists of a few scalars read best on one line.
bool fits_one_line(const Node& list) {
  size_t length = 0;
  for (const Node& item : list.items()) {
    if (!item.is_scalar()) return false;
    length += scalar_text(item).size() + 2;
    if (length > kLongestFlowList) return false;
  }
  return true;
}

void append_block(std::string& out, const Node& node, size_t indent);

/// Writes `node` after "key:" or "-": on the same line where it fits, else below it.
void append_value(std::string& out, const Node& node, size_t indent) {
  if (node.is_scalar() || (node.is_list() && fits_one_line(node)) ||
      (node.is_map() && node.entries().empty())) {
    out += ' ';
    out += to_flow_yaml(node);
    out += '\n';
    return;
  }
  out += '\n';
  append_block(out, node, indent);
}

/// Writes a collection; the first line is not indented when `out` already stands behind "- ".
void append_block(std::string& out, const Node& node, size_t indent) {
  const auto start_line = [&] {
    if (out.empty() || out.back() == '\n') out.append(indent, ' ');
  };
  if (node.is_list()) {
    for (const Node& item : node.items()) {
      start_line();
      out += '-';
      const bool compact =
          (item.is_map() && !item.entries().empty()) || (item.is_list() && !fits_one_line(item));
      if (compact) {
        out += ' ';
        append_block(out, item, indent + 2);
      } else {
        append_value(out, item, indent + 2);
      }
    }
    return;
  }
  for (const Node::Entry& entry : node.entries()) {
    const std::string key = string_text(entry.key);
    start_line();
    if (key.size() > kLongestImplicitKey) {
      out += "? " + key + "\n";
      start_line();
      out += ':';
    } else {
      out += key + ":";
    }
    append_value(out, entry.value, indent + 2);
  }
}

nlohmann::ordered_json json_of(const Node& node) {
  switch (node.kind()) {
    case Kind::kNull:
      return nullptr;
    case Kind::kBool:
      return node.as_bool();
    case Kind::kInt:
      return node.as_int();
    case Kind::kFloat:
      return node.as_real();
    case Kind::kString:
      return node.as_string();
    case Kind::kList: {
      auto list = nlohmann::ordered_json::array();
      for (const Node& item : node.items()) list.push_back(json_of(item));
      return list;
    }
    case Kind::kMap:
      break;
  }
  auto map = nlohmann::ordered_json::object();
  for (const Node::Entry& entry : node.entries()) map[entry.key] = json_of(entry.value);
  return map;
}

}  // namespace

std::string to_flow_yaml(const Node& node) {
  if (node.is_scalar()) return scalar_text(node);
  std::string out;
  const auto separate = [&] {
    if (!out.empty()) out += ", ";
  };
  if (node.is_list()) {
    for (const Node& item : node.items()) {
      separate();
      out += to_flow_yaml(item);
    }
    return "[" + out + "]";
  }
  for (const Node::Entry& entry : node.entries()) {
    separate();
    out += string_text(entry.key) + ": " + to_flow_yaml(entry.value);
  }
  return "{" + out + "}";
}

std::string to_yaml(const Node& node) {
  if (node.is_scalar() || (node.is_list() && fits_one_line(node)) ||
      (node.is_map() && node.entries().empty())) {
    return to_flow_yaml(node) + "\n";
  }
  std::string out;
  append_block(out, node, 0);
  return out;
}

std::string to_json(const Node& node) {
  return json_of(node).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace dlb::config
