#pragma once
/// \file What the operators and functions of build-time expressions do with values.

#include <string>
#include <string_view>
#include <vector>

#include "dlb/config/node.h"

namespace dlb::config {

/// What is wrong with an operation; the caller knows the place.
struct ExpressionFault {
  std::string message;
  std::string hint = {};
};

/// `op` is one of + - * / // % ** == != < <= > >=. Throws ExpressionFault: wrong kinds, division by zero,
/// overflow.
Node apply_binary(std::string_view op, const Node& a, const Node& b);
Node apply_negate(const Node& a);
/// min, max, ceil, floor, sqrt, log, int. Throws ExpressionFault also for a wrong number of arguments.
Node apply_function(std::string_view name, const std::vector<Node>& arguments);
/// The operand of `and`, `or`, `not`.
bool truth(std::string_view op, const Node& a);

const std::vector<std::string>& function_names();

}  // namespace dlb::config
