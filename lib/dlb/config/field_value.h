#pragma once
/// \file Converts one config value to one field value.

#include <optional>
#include <string>

#include "dlb/base/fields.h"
#include "dlb/config/node.h"

namespace dlb::config {

/// A whole number: an int, or a float without a fraction (1e3). Nothing for any other value.
std::optional<int64_t> int_value(const Node& node);
/// A number of steps, "500 steps" or "2 epochs". Nothing for any other value.
std::optional<Duration> duration_value(const Node& node);
/// Whether a number is within the bounds; NaN is only where there are none.
bool in_range(double value, const Constraint& constraint);

/// "an int > 0", "true or false", "one of same, valid": what a message says a value must be.
std::string expected_text(FieldType type, const Constraint& constraint);

/// Writes one value of `element_type(type)` to `at`; false when it does not fit the type or the constraint.
bool assign(const Node& node, FieldType type, const Constraint& constraint, void* at);

}  // namespace dlb::config
