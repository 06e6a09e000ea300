#include "dlb/config/expression.h"

#include <fmt/format.h>

#include "dlb/config/arithmetic.h"
#include "dlb/config/expression_tree.h"

namespace dlb::config {
namespace {

/// Computes a parsed expression over the names of a scope.
class Evaluator {
 public:
  Evaluator(const Node& node, const Scope& scope) : node_(node), scope_(scope) {}

  Node run(const Expression& e) {
    switch (e.kind) {
      case Expression::Kind::kValue:
        return e.value;
      case Expression::Kind::kName:
        return name(e);
      case Expression::Kind::kUnary:
        return unary(e);
      case Expression::Kind::kBinary:
        return e.text == "and" || e.text == "or" ? logical(e) : binary(e);
      case Expression::Kind::kCall: {
        std::vector<Node> arguments;
        for (const Expression& argument : e.args) arguments.push_back(run(argument));
        return at_place(e.place, [&] { return apply_function(e.text, arguments); });
      }
      default:
        break;
    }
    throw expression_error(node_, e.place, "this needs a tensor");
  }

 private:
  /// Runs an operation, giving its fault the place of the operator.
  template <class F>
  auto at_place(size_t place, const F& operation) -> decltype(operation()) {
    try {
      return operation();
    } catch (const ExpressionFault& fault) {
      throw expression_error(node_, place, fault.message, fault.hint);
    }
  }

  Node unary(const Expression& e) {
    const Node value = run(e.args[0]);
    return at_place(e.place, [&] {
      if (e.text == "not") return Node::boolean(!truth("not", value));
      return e.text == "-" ? apply_negate(value) : apply_binary("+", Node::integer(0), value);
    });
  }

  Node binary(const Expression& e) {
    const Node a = run(e.args[0]);
    const Node b = run(e.args[1]);
    return at_place(e.place, [&] { return apply_binary(e.text, a, b); });
  }

  /// The right side is not computed once the left one decides, so that it may guard against errors.
  Node logical(const Expression& e) {
    const Node a = run(e.args[0]);
    const bool left = at_place(e.place, [&] { return truth(e.text, a); });
    if (left == (e.text == "or")) {
      know_names(e.args[1]);
      return Node::boolean(left);
    }
    const Node b = run(e.args[1]);
    return Node::boolean(at_place(e.place, [&] { return truth(e.text, b); }));
  }

  /// What is not computed must still name what there is.
  void know_names(const Expression& e) {
    if (e.kind == Expression::Kind::kName) name(e);
    for (const Expression& part : e.args) know_names(part);
  }

  Node name(const Expression& e) {
    if (const Node* value = scope_.find(e.text)) return *value;
    const std::vector<std::string> names = scope_.names();
    const std::string message = fmt::format("unknown name '{}'", e.text);
    const std::string near = nearest_name(e.text, names);
    if (!near.empty())
      throw expression_error(node_, e.place, message, "", fmt::format("; did you mean '{}'?", near));
    std::string known;
    for (const std::string& other : names) known += (known.empty() ? "" : ", ") + other;
    throw expression_error(node_, e.place, message,
                           known.empty() ? "no variables are defined here" : "known here: " + known);
  }

  const Node& node_;
  const Scope& scope_;
};

}  // namespace

bool is_expression(const Node& node) {
  if (!node.is_string()) return false;
  const std::string& text = node.as_string();
  return text.starts_with('$') && !text.starts_with("$$");
}

Node evaluate(const Expression& expression, const Node& node, const Scope& scope) {
  return Evaluator(node, scope).run(expression);
}

Node evaluate(const Node& node, const Scope& scope) {
  if (is_expression(node)) return evaluate(parse_read_expression(node), node, scope).placed_at(node);
  if (node.is_string() && node.as_string().starts_with("$$")) {
    return Node::string(node.as_string().substr(1)).placed_at(node);
  }
  return node;
}

Node evaluate_all(const Node& node, const Scope& scope) {
  if (node.is_list()) {
    std::vector<Node> items;
    for (const Node& item : node.items()) items.push_back(evaluate_all(item, scope));
    return Node::list(std::move(items)).placed_at(node);
  }
  if (node.is_map()) {
    std::vector<Node::Entry> entries;
    for (const Node::Entry& e : node.entries())
      entries.push_back({e.key, e.key_mark, evaluate_all(e.value, scope)});
    return Node::map(std::move(entries)).placed_at(node);
  }
  return evaluate(node, scope);
}

}  // namespace dlb::config
