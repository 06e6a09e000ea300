#include "dlb/config/field_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "dlb/config/field_types.h"

namespace dlb::config {

std::optional<int64_t> int_value(const Node& node) {
  if (node.kind() == Kind::kInt) return node.as_int();
  if (node.kind() != Kind::kFloat) return std::nullopt;
  const double value = node.as_real();
  // 2^63 itself does not fit, and as a double it is exact.
  constexpr double kLimit = 9223372036854775808.0;
  if (!(value >= -kLimit && value < kLimit) || value != std::floor(value)) return std::nullopt;
  return static_cast<int64_t>(value);
}

std::optional<Duration> duration_value(const Node& node) {
  if (const std::optional<int64_t> steps = int_value(node)) {
    if (*steps < 0) return std::nullopt;
    return Duration{static_cast<double>(*steps), false};
  }
  if (!node.is_string()) return std::nullopt;
  const std::string& text = node.as_string();
  double count = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (status != std::errc() || !std::isfinite(count) || count < 0) return std::nullopt;
  std::string_view unit = std::string_view(text).substr(static_cast<size_t>(end - text.data()));
  if (!unit.starts_with(' ')) return std::nullopt;
  unit.remove_prefix(std::min(unit.find_first_not_of(' '), unit.size()));
  if (unit == "epoch" || unit == "epochs") return Duration{count, true};
  if ((unit == "step" || unit == "steps") && count == std::floor(count)) return Duration{count, false};
  return std::nullopt;
}

bool in_range(double value, const Constraint& c) {
  if (!std::isfinite(value)) return std::isinf(c.min) && std::isinf(c.max);
  return (c.min_open ? value > c.min : value >= c.min) && (c.max_open ? value < c.max : value <= c.max);
}

std::string expected_text(FieldType type, const Constraint& constraint) {
  const std::string text = scalar_type_text(type, constraint);
  const std::string or_null = is_optional_type(type) ? " or null" : "";
  switch (element_type(type)) {
    case FieldType::kBool:
      return "true or false" + or_null;
    case FieldType::kInt:
      return "an " + text + or_null;
    case FieldType::kDuration: {
      const std::string range = text.substr(std::string_view("duration").size());
      return "a number of steps or a text such as '2 epochs'" + (range.empty() ? "" : "," + range) + or_null;
    }
    case FieldType::kString:
      return (constraint.choices.empty() ? "a " : "") + text + or_null;
    default:
      return "a " + text + or_null;
  }
}

namespace {

/// Stores `value` in a member that is a T or an optional<T>.
template <class T>
void store(void* at, FieldType type, T value) {
  if (is_optional_type(type)) {
    *static_cast<std::optional<T>*>(at) = std::move(value);
  } else {
    *static_cast<T*>(at) = std::move(value);
  }
}

}  // namespace

bool assign(const Node& node, FieldType type, const Constraint& constraint, void* at) {
  switch (element_type(type)) {
    case FieldType::kBool:
      if (node.kind() != Kind::kBool) return false;
      store(at, type, node.as_bool());
      return true;
    case FieldType::kInt: {
      const std::optional<int64_t> value = int_value(node);
      if (!value || !in_range(static_cast<double>(*value), constraint)) return false;
      store(at, type, *value);
      return true;
    }
    case FieldType::kFloat:
      if (!node.is_number() || !in_range(node.as_real(), constraint)) return false;
      store(at, type, node.as_real());
      return true;
    case FieldType::kString: {
      if (!node.is_string()) return false;
      const std::vector<std::string>& choices = constraint.choices;
      if (!choices.empty() && std::find(choices.begin(), choices.end(), node.as_string()) == choices.end())
        return false;
      store(at, type, node.as_string());
      return true;
    }
    case FieldType::kDuration: {
      const std::optional<Duration> value = duration_value(node);
      if (!value || !in_range(value->count, constraint)) return false;
      store(at, type, *value);
      return true;
    }
    default:
      DLB_CHECK(false);
  }
  return false;
}

}  // namespace dlb::config
