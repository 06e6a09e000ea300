#pragma once
/// \file Build-time expressions: `$name` and `$(expr)` over variables and facts.
///
/// Grammar: + - * / // % ** == != < <= > >= and or not, parentheses, numbers, 'strings', true/false, dotted
/// names, min(a, b...), max(a, b...), ceil, floor, sqrt, log, int. `/` is real division; `//` floors; int **
/// non-negative int is int.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dlb/config/expression_tree.h"
#include "dlb/config/node.h"

namespace dlb::config {

/// Names visible to an expression. Inner scopes (block parameters, repeat indices) see through to outer ones.
class Scope {
 public:
  explicit Scope(const Scope* parent = nullptr) : parent_(parent) {}
  void set(const std::string& name, Node value);
  /// The value, or nullptr; a found name counts as used.
  const Node* find(std::string_view name) const;
  /// All visible names, for suggestions.
  std::vector<std::string> names() const;
  /// Names set in this scope that no expression has used.
  std::vector<std::string> unused() const;

 private:
  struct Slot {
    Node value;
    mutable bool used = false;
  };
  const Scope* parent_;
  std::map<std::string, Slot, std::less<>> slots_;
};

/// True for a string that starts with `$` (`$$` at the start escapes a literal `$`).
bool is_expression(const Node& node);

/// The value of an expression node at its mark; a node that is not an expression is returned as it is ("$$x"
/// as "$x"). Raises a config error at the node: unknown name with the nearest one, type mismatch, division by
/// zero, overflow.
Node evaluate(const Node& node, const Scope& scope);
/// The value of a parsed expression that stands in `node`.
Node evaluate(const Expression& expression, const Node& node, const Scope& scope);
/// As evaluate(), for each value of a list or map.
Node evaluate_all(const Node& node, const Scope& scope);

}  // namespace dlb::config
