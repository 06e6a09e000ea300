#include "dlb/config/source_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace dlb::config {
namespace {

/// The length of the UTF-8 sequence at `at`, or 0 when it is not valid (overlong and surrogate forms
/// included).
size_t utf8_length(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) {
    return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
  };
  const auto follows = [&](size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    if (first == 0xED && byte(1) > 0x9F) return 0;
    return follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    if (first == 0xF4 && byte(1) > 0x8F) return 0;
    return follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

constexpr size_t kBlock = 1024;

size_t count_characters(std::string_view text) {
  const auto starts = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), starts));
}

}  // namespace

SourceText::SourceText(std::string_view text, const YamlSource& source) : text_(text), source_(source) {
  if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  block_characters_.push_back(0);
  for (size_t at = 0; at + kBlock <= text_.size(); at += kBlock) {
    block_characters_.push_back(block_characters_.back() + count_characters(text_.substr(at, kBlock)));
  }
  lines_.push_back(0);
  for (size_t at = 0; at < text_.size();) {
    const auto byte = static_cast<unsigned char>(text_[at]);
    const size_t length = utf8_length(text_, at);
    const auto reject = [&](const std::string& message) {
      throw Error(ErrorKind::kConfig, message, mark_at(at).str());
    };
    if (length == 0) reject(fmt::format("the text is not UTF-8: unexpected byte 0x{:02x}", byte));
    if (byte == '\r') {
      if (at + 1 >= text_.size() || text_[at + 1] != '\n') reject("a carriage return without a line feed");
    } else if ((byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7f) {
      reject(fmt::format("control character 0x{:02x} in the text", byte));
    }
    at += length;
    if (byte == '\n') lines_.push_back(at);
  }
}

Mark SourceText::mark_at(size_t position) const {
  if (source_.flag) return {source_.name, 0, 0};
  position = std::min(position, text_.size());
  const auto after = std::upper_bound(lines_.begin(), lines_.end(), position);
  const size_t start = *(after - 1);
  const size_t column = characters_before(position) - characters_before(start) + 1;
  return {source_.name, static_cast<int>(after - lines_.begin()), static_cast<int>(column)};
}

size_t SourceText::characters_before(size_t position) const {
  const size_t block = position / kBlock;
  return block_characters_[block] + count_characters(text_.substr(block * kBlock, position % kBlock));
}

Mark SourceText::mark_at(int line, int column) const {
  const size_t index = std::min(static_cast<size_t>(std::max(line, 0)), lines_.size() - 1);
  return mark_at(lines_[index] + static_cast<size_t>(std::max(column, 0)));
}

bool SourceText::tab_in_indentation(int line) const {
  const size_t index = std::min(static_cast<size_t>(std::max(line, 0)), lines_.size() - 1);
  const size_t end = text_.find_first_not_of(" \t", lines_[index]);
  return text_.substr(lines_[index], end - lines_[index]).find('\t') != std::string_view::npos;
}

}  // namespace dlb::config
