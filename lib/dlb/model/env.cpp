#include "dlb/model/env.h"

#include <algorithm>
#include <cctype>

namespace dlb::model {
namespace {

using config::Node;

bool name_start(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool name_part(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.'; }

/// Adds the names in the text of an expression. Words of the language ("and", "max") come along and do no
/// harm.
void collect(const std::string& text, std::set<std::string>& names) {
  for (size_t i = 0; i < text.size();) {
    if (text[i] == '\'' || text[i] == '"') {
      i = text.find(text[i], i + 1);
      if (i == std::string::npos) return;
      ++i;
    } else if (name_part(text[i])) {
      const size_t begin = i;
      while (i < text.size() && name_part(text[i])) ++i;
      if (!name_start(text[begin])) continue;  // a number such as 1e5
      const std::string name = text.substr(begin, i - begin);
      names.insert(name.substr(0, name.find('.')));
      names.insert(name);
    } else {
      ++i;
    }
  }
}

/// Adds the names behind each `$` in the text of an expression on tensors.
void collect_embedded(const std::string& text, std::set<std::string>& names) {
  for (size_t at = text.find('$'); at != std::string::npos; at = text.find('$', at + 1)) {
    size_t end = at + 1;
    if (end < text.size() && text[end] == '(') {
      for (int depth = 0; end < text.size(); ++end) {
        depth += text[end] == '(' ? 1 : text[end] == ')' ? -1 : 0;
        if (depth == 0) break;
      }
    } else {
      while (end < text.size() && name_part(text[end])) ++end;
    }
    collect(text.substr(at + 1, end - at - 1), names);
  }
}

void collect_below(const Node& node, std::set<std::string>& names) {
  if (config::is_expression(node)) {
    collect(node.as_string(), names);
  } else if (node.is_string()) {
    collect_embedded(node.as_string(), names);
  }
  if (node.is_list()) {
    for (const Node& item : node.items()) collect_below(item, names);
  } else if (node.is_map()) {
    for (const Node::Entry& entry : node.entries()) collect_below(entry.value, names);
  }
}

}  // namespace

void Env::set(const std::string& name, Node value) {
  scope_.set(name, std::move(value));
  unknown_.erase(name);
  known_.insert(name);
}

void Env::set_unknown(const std::string& name) {
  known_.erase(name);
  unknown_.insert(name);
}

bool Env::unknown_name(const std::string& name) const {
  for (const Env* env = this; env != nullptr; env = env->outer_) {
    if (env->unknown_.contains(name)) return true;
    if (env->known_.contains(name)) return false;
  }
  return false;
}

bool Env::unknown(const Node& node) const {
  if (!config::is_expression(node)) return false;
  std::set<std::string> names;
  collect(node.as_string(), names);
  for (const std::string& name : names) {
    if (!unknown_name(name)) continue;
    mark_used(node, scope_);
    return true;
  }
  return false;
}

bool Env::unknown(const config::Expression& expression) const {
  if (expression.kind == config::Expression::Kind::kName) {
    if (unknown_name(expression.text) || unknown_name(expression.text.substr(0, expression.text.find('.')))) {
      scope_.find(expression.text);
      return true;
    }
  }
  return std::any_of(expression.args.begin(), expression.args.end(),
                     [&](const config::Expression& part) { return unknown(part); });
}

std::set<std::string> mentioned_names(const Node& node) {
  std::set<std::string> names;
  collect_below(node, names);
  return names;
}

void mark_used(const Node& node, const config::Scope& scope) {
  for (const std::string& name : mentioned_names(node)) scope.find(name);
}

}  // namespace dlb::model
