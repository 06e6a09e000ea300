#include "dlb/config/arithmetic.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace dlb::config {
namespace {

[[noreturn]] void fault(std::string message, std::string hint = {}) {
  throw ExpressionFault{std::move(message), std::move(hint)};
}

[[noreturn]] void int_overflow(std::string_view op, int64_t a, int64_t b) {
  fault(fmt::format("{} {} {} does not fit a 64-bit int", a, op, b));
}

void need_number(std::string_view op, const Node& a) {
  if (!a.is_number()) fault(fmt::format("'{}' needs numbers, got {}", op, a.found()));
}

/// A float result; an infinity or NaN that no operand had is an overflow.
Node checked(std::string_view op, double a, double b, double result) {
  if (!std::isfinite(result) && std::isfinite(a) && std::isfinite(b)) {
    fault(fmt::format("{} {} {} is not a finite number", a, op, b));
  }
  return Node::real(result);
}

/// Rounds towards minus infinity, as mathematicians and Python do; C++ rounds towards zero.
int64_t floor_divide(int64_t a, int64_t b) {
  const int64_t quotient = a / b;
  return quotient - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

Node int_power(int64_t base, int64_t exponent) {
  int64_t result = 1;
  int64_t factor = base;
  for (int64_t left = exponent; left > 0; left >>= 1) {
    if ((left & 1) != 0 && __builtin_mul_overflow(result, factor, &result))
      int_overflow("**", base, exponent);
    if (left > 1 && __builtin_mul_overflow(factor, factor, &factor)) int_overflow("**", base, exponent);
  }
  return Node::integer(result);
}

Node int_binary(std::string_view op, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow = false;
  if (op == "+") {
    overflow = __builtin_add_overflow(a, b, &result);
  } else if (op == "-") {
    overflow = __builtin_sub_overflow(a, b, &result);
  } else if (op == "*") {
    overflow = __builtin_mul_overflow(a, b, &result);
  } else if (op == "**") {
    return int_power(a, b);
  } else if (a == std::numeric_limits<int64_t>::min() && b == -1) {
    overflow = op == "//";  // the remainder is 0, but the processor traps on it
  } else {
    result = op == "//" ? floor_divide(a, b) : a - floor_divide(a, b) * b;
  }
  if (overflow) int_overflow(op, a, b);
  return Node::integer(result);
}

Node real_binary(std::string_view op, double a, double b) {
  if (op == "+") return checked(op, a, b, a + b);
  if (op == "-") return checked(op, a, b, a - b);
  if (op == "*") return checked(op, a, b, a * b);
  if (op == "/") return checked(op, a, b, a / b);
  if (op == "//") return checked(op, a, b, std::floor(a / b));
  if (op == "%") {
    const double rest = std::fmod(a, b);
    return checked(op, a, b, rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest);
  }
  return checked(op, a, b, std::pow(a, b));
}

bool ordered(std::string_view op, const Node& a, const Node& b) {
  if (a.kind() == Kind::kInt && b.kind() == Kind::kInt) {
    const int64_t x = a.as_int();
    const int64_t y = b.as_int();
    return op == "<" ? x < y : op == "<=" ? x <= y : op == ">" ? x > y : x >= y;
  }
  const double x = a.as_real();
  const double y = b.as_real();
  return op == "<" ? x < y : op == "<=" ? x <= y : op == ">" ? x > y : x >= y;
}

bool equal(std::string_view op, const Node& a, const Node& b) {
  if (a.is_number() && b.is_number()) {
    return a.kind() == Kind::kInt && b.kind() == Kind::kInt ? a.as_int() == b.as_int()
                                                            : a.as_real() == b.as_real();
  }
  if (a.is_null() || b.is_null()) return a.is_null() && b.is_null();
  if (a.kind() != b.kind()) fault(fmt::format("'{}' cannot compare {} with {}", op, a.found(), b.found()));
  return same_value(a, b);
}

Node to_int(std::string_view name, double value) {
  // 2^63 itself does not fit, and as a double it is exact.
  constexpr double kLimit = 9223372036854775808.0;
  if (!(value >= -kLimit && value < kLimit))
    fault(fmt::format("{}({}) does not fit a 64-bit int", name, value));
  return Node::integer(static_cast<int64_t>(value));
}

}  // namespace

Node apply_binary(std::string_view op, const Node& a, const Node& b) {
  if (op == "==") return Node::boolean(equal(op, a, b));
  if (op == "!=") return Node::boolean(!equal(op, a, b));
  need_number(op, a);
  need_number(op, b);
  if (op[0] == '<' || op[0] == '>') return Node::boolean(ordered(op, a, b));
  const bool divides = op == "/" || op == "//" || op == "%";
  if (divides && b.as_real() == 0)
    fault(fmt::format("division by zero in {} {} {}", a.brief(), op, b.brief()));
  const bool ints = a.kind() == Kind::kInt && b.kind() == Kind::kInt;
  if (ints && op != "/" && !(op == "**" && b.as_int() < 0)) return int_binary(op, a.as_int(), b.as_int());
  return real_binary(op, a.as_real(), b.as_real());
}

Node apply_negate(const Node& a) {
  need_number("-", a);
  return a.kind() == Kind::kInt ? int_binary("-", 0, a.as_int()) : Node::real(-a.as_real());
}

bool truth(std::string_view op, const Node& a) {
  if (a.kind() != Kind::kBool) fault(fmt::format("'{}' needs true or false, got {}", op, a.found()));
  return a.as_bool();
}

const std::vector<std::string>& function_names() {
  static const std::vector<std::string> names = {"min", "max", "ceil", "floor", "sqrt", "log", "int"};
  return names;
}

Node apply_function(std::string_view name, const std::vector<Node>& arguments) {
  const bool extremum = name == "min" || name == "max";
  if (extremum ? arguments.empty() : arguments.size() != 1) {
    fault(fmt::format("{} takes {}, got {} arguments", name, extremum ? "one or more numbers" : "one number",
                      arguments.size()));
  }
  for (const Node& argument : arguments) need_number(name, argument);
  if (extremum) {
    Node best = arguments[0];
    for (const Node& argument : arguments) {
      if (ordered(name == "min" ? "<" : ">", argument, best)) best = argument;
    }
    return best;
  }
  const Node& a = arguments[0];
  if (name == "ceil" || name == "floor" || name == "int") {
    if (a.kind() == Kind::kInt) return a;
    const double x = a.as_real();
    return to_int(name, name == "ceil" ? std::ceil(x) : name == "floor" ? std::floor(x) : std::trunc(x));
  }
  const double x = a.as_real();
  if (name == "sqrt") {
    if (x < 0) fault(fmt::format("sqrt of {}, a negative number", a.brief()));
    return Node::real(std::sqrt(x));
  }
  if (x <= 0) fault(fmt::format("log of {}, which is not positive", a.brief()));
  return Node::real(std::log(x));
}

}  // namespace dlb::config
