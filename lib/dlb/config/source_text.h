#pragma once
/// \file The text of a YAML source: its encoding, and places in it.

#include <string_view>
#include <vector>

#include "dlb/config/yaml_reader.h"

namespace dlb::config {

/// Checked text with an index of its lines.
class SourceText {
 public:
  /// Raises a config error at the first byte that is not UTF-8 or is a control character.
  SourceText(std::string_view text, const YamlSource& source);

  /// The text without a byte order mark.
  std::string_view text() const { return text_; }
  /// The place of a byte, its column counted in characters; of the end for a position beyond it.
  Mark mark_at(size_t position) const;
  /// The place of a line and byte column, both from 0, as yaml-cpp gives them.
  Mark mark_at(int line, int column) const;
  /// Whether the indentation of a line (from 0) has a tab.
  bool tab_in_indentation(int line) const;

 private:
  size_t characters_before(size_t position) const;

  std::string_view text_;
  YamlSource source_;
  std::vector<size_t>
      block_characters_;       ///< characters before each block, so that very long lines cost nothing
  std::vector<size_t> lines_;  ///< position of each line's start
};

}  // namespace dlb::config
