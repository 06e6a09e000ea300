#pragma once
/// \file The scalars of YAML 1.2's core schema, as text and as values.

#include <string>
#include <string_view>

#include "dlb/config/node.h"

namespace dlb::config {

/// The value of an unquoted scalar: null (`null`, `~`, empty), bool (`true`, `True`, `TRUE`, ...; never `yes`
/// or `on`), int (decimal, `0x`, `0o`), float (`1e-4`, `.inf`, `.nan`), or else a string. Errors: config,
/// when a number does not fit. Source: YAML 1.2.2, section 10.3.2.
Node resolve_plain(std::string_view text, const Mark& mark);

/// A float as YAML, with the fewest digits that read back to the same value and never looking like an int.
std::string real_text(double value);

/// A string as a YAML scalar that reads back to it: plain where that is safe, else in double quotes.
std::string string_text(const std::string& value);

}  // namespace dlb::config
