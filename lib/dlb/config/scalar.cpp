#include "dlb/config/scalar.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace dlb::config {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

size_t digits(std::string_view text, size_t from) {
  size_t end = from;
  while (end < text.size() && is_digit(text[end])) ++end;
  return end - from;
}

enum class NumberForm { kNone, kInt, kFloat };

/// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?, where an int has neither dot nor
/// exponent.
NumberForm number_form(std::string_view text) {
  size_t at = !text.empty() && (text[0] == '-' || text[0] == '+') ? 1 : 0;
  const size_t whole = digits(text, at);
  at += whole;
  if (whole > 0 && at == text.size()) return NumberForm::kInt;
  if (at < text.size() && text[at] == '.') {
    const size_t fraction = digits(text, at + 1);
    if (whole == 0 && fraction == 0) return NumberForm::kNone;
    at += 1 + fraction;
  } else if (whole == 0) {
    return NumberForm::kNone;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    const size_t exponent = digits(text, at);
    if (exponent == 0) return NumberForm::kNone;
    at += exponent;
  }
  return at == text.size() ? NumberForm::kFloat : NumberForm::kNone;
}

[[noreturn]] void out_of_range(std::string_view text, const Mark& mark, std::string_view what) {
  throw Error(ErrorKind::kConfig, fmt::format("the number {} does not fit {}", text, what), mark.str(),
              "put it in quotes if it is meant as a text");
}

Node parse_int(std::string_view text, std::string_view digits_text, int base, const Mark& mark) {
  int64_t value = 0;
  const char* last = digits_text.data() + digits_text.size();
  const auto [end, status] = std::from_chars(digits_text.data(), last, value, base);
  if (status != std::errc() || end != last) out_of_range(text, mark, "a 64-bit int");
  return Node::integer(value, mark);
}

bool all_of_set(std::string_view text, std::string_view set) {
  return !text.empty() && text.find_first_not_of(set) == std::string_view::npos;
}

}  // namespace

Node resolve_plain(std::string_view text, const Mark& mark) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL")
    return Node::null(mark);
  if (text == "true" || text == "True" || text == "TRUE") return Node::boolean(true, mark);
  if (text == "false" || text == "False" || text == "FALSE") return Node::boolean(false, mark);
  const std::string_view unsigned_text = text[0] == '+' || text[0] == '-' ? text.substr(1) : text;
  if (unsigned_text == ".inf" || unsigned_text == ".Inf" || unsigned_text == ".INF") {
    const double infinity = std::numeric_limits<double>::infinity();
    return Node::real(text[0] == '-' ? -infinity : infinity, mark);
  }
  if (text == ".nan" || text == ".NaN" || text == ".NAN") {
    return Node::real(std::numeric_limits<double>::quiet_NaN(), mark);
  }
  if (text.starts_with("0x") && all_of_set(text.substr(2), "0123456789abcdefABCDEF")) {
    return parse_int(text, text.substr(2), 16, mark);
  }
  if (text.starts_with("0o") && all_of_set(text.substr(2), "01234567"))
    return parse_int(text, text.substr(2), 8, mark);
  // from_chars takes no leading plus.
  const std::string_view number = text[0] == '+' ? unsigned_text : text;
  switch (number_form(text)) {
    case NumberForm::kInt:
      return parse_int(text, number, 10, mark);
    case NumberForm::kFloat: {
      double value = 0;
      const auto [end, status] = std::from_chars(number.data(), number.data() + number.size(), value);
      if (status != std::errc() || end != number.data() + number.size())
        out_of_range(text, mark, "a 64-bit float");
      return Node::real(value, mark);
    }
    case NumberForm::kNone:
      break;
  }
  return Node::string(std::string(text), mark);
}

std::string real_text(double value) {
  if (std::isnan(value)) return ".nan";
  if (std::isinf(value)) return value > 0 ? ".inf" : "-.inf";
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

namespace {

/// Whether `value` unquoted reads back as the same string, in block and in flow context.
bool plain_is_safe(const std::string& value) {
  // Unquoted, an expression without its closing parenthesis is taken for one that was cut off.
  if (value.starts_with("$(") &&
      std::count(value.begin(), value.end(), '(') > std::count(value.begin(), value.end(), ')'))
    return false;
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  if (value.empty() || value.size() > 200) return false;
  if (!letter(value[0]) && !is_digit(value[0]) &&
      std::string_view("$./(+").find(value[0]) == std::string_view::npos) {
    return false;
  }
  for (const char c : value) {
    if (!letter(c) && !is_digit(c) && std::string_view("$./()+-*=<>%@ ").find(c) == std::string_view::npos)
      return false;
  }
  if (value.back() == ' ' || value == "<<" || value.starts_with("...")) return false;
  try {
    return resolve_plain(value, {}).is_string();
  } catch (const Error&) {
    return false;  // looks like a number that is too large
  }
}

}  // namespace

std::string string_text(const std::string& value) {
  if (plain_is_safe(value)) return value;
  std::string out = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out += '"';
}

}  // namespace dlb::config
