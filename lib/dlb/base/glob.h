#pragma once
/// \file Patterns of names.

#include <string_view>

namespace dlb {

/// Whether `pattern`, in which * stands for any characters and ? for one, is the whole of `name`.
bool matches(std::string_view pattern, std::string_view name);

}  // namespace dlb
