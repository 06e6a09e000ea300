#pragma once
/// \file Tables for a terminal.

#include <cstddef>
#include <string>
#include <vector>

namespace dlb::report {

/// Rows of cells under each other, the first one being the head; columns in `right` are set right. Width
/// counts characters, not bytes; control characters are replaced.
std::string text_table(const std::vector<std::vector<std::string>>& rows, const std::vector<size_t>& right);

}  // namespace dlb::report
