#pragma once
/// \file The grammar of expressions, of values while the config is read and of tensors while a model runs.
///
/// By precedence, loosest first: or; and; not; == != < <= > >= (no chains); + -; * / // % @; unary - +; **;
/// then numbers, 'texts', true, false, names, f(a, b, key=c), parentheses. Expressions on tensors also have
/// none, lists [a, b], indices x[i, start:end:step, ..., none], and `$name` or `$(...)` for what is known
/// while the config is read.

#include <string>
#include <string_view>
#include <vector>

#include "dlb/config/node.h"

namespace dlb::config {

/// A parsed expression.
struct Expression {
  enum class Kind {
    kValue,     ///< `value`: a number, text, true, false, or null for none
    kName,      ///< `text`, dotted while reading
    kUnary,     ///< `text` is -, + or not
    kBinary,    ///< `text` is an operator, and or or
    kCall,      ///< `text` of `args`; the last keys.size() of them by name
    kList,      ///< of `args`
    kIndex,     ///< args[0] at the others
    kSlice,     ///< three args, each perhaps kNothing
    kEllipsis,  ///< ... in an index
    kNothing,   ///< a part of a slice that is left out
    kRead       ///< args[0], known while the config is read
  };
  Kind kind = Kind::kNothing;
  std::string text;
  Node value;
  std::vector<Expression> args;
  std::vector<std::string> keys;
  size_t place = 0;  ///< of the name or operator, in bytes from the start of the text
};

/// Parses `$name` or `$(...)`. Raises a config error at its column.
Expression parse_read_expression(const Node& node);
/// Parses an expression on tensors: a text, or a number or bool for itself.
Expression parse_tensor_expression(const Node& node);

/// An error at a place in the text of an expression: "<message> in '<text>'<suggestion>".
Error expression_error(const Node& node, size_t place, const std::string& message,
                       const std::string& hint = {}, const std::string& suggestion = {});

}  // namespace dlb::config
