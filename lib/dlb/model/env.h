#pragma once
/// \file What `$` expressions see at one place of the model: variables, block parameters, indices, facts of
/// the input.

#include <set>
#include <string>

#include "dlb/config/expression.h"

namespace dlb::model {

/// A config scope that also knows names whose values cannot be told, because an earlier step is wrong: what
/// depends on them is neither evaluated nor complained about.
class Env {
 public:
  explicit Env(const config::Scope& root) : scope_(&root) {}
  explicit Env(const Env* outer) : outer_(outer), scope_(&outer->scope_) {}
  Env(const Env&) = delete;
  Env& operator=(const Env&) = delete;

  void set(const std::string& name, config::Node value);
  void set_unknown(const std::string& name);
  const config::Scope& scope() const { return scope_; }

  /// Whether `node` is an expression that mentions an unknown name. Its names count as used then.
  bool unknown(const config::Node& node) const;
  /// As above, of a parsed expression.
  bool unknown(const config::Expression& expression) const;

 private:
  bool unknown_name(const std::string& name) const;

  const Env* outer_ = nullptr;
  config::Scope scope_;
  std::set<std::string> known_;
  std::set<std::string> unknown_;
};

/// Every name that an expression in `node` or below mentions; of a dotted name also its first part.
std::set<std::string> mentioned_names(const config::Node& node);
/// Counts the names that `node` mentions as used, for parts of the model that are not built.
void mark_used(const config::Node& node, const config::Scope& scope);

}  // namespace dlb::model
