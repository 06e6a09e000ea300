#include "dlb/config/key_path.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "dlb/base/error.h"

namespace dlb::config {

std::string key_path(const std::string& path, const std::string& key) {
  std::string out = path.empty() ? "" : path + ".";
  if (!key.empty() && key.find_first_of(".[]=\"") == std::string::npos) return out += key;
  out += '"';
  for (const char c : key) {
    if (c == '"') out += '"';
    out += c;
  }
  return out += '"';
}

std::string index_path(const std::string& path, size_t index) { return fmt::format("{}[{}]", path, index); }

namespace {

/// Reads the segments of one path from the left.
class PathReader {
 public:
  explicit PathReader(std::string_view text) : text_(text) {}

  std::vector<PathStep> read(bool until_equals) {
    while (true) {
      read_key();
      while (peek() == '[') read_index();
      if (at_ == text_.size() || (until_equals && peek() == '=')) return std::move(steps_);
      if (peek() != '.') bad(fmt::format("unexpected '{}'", peek()));
      ++at_;
    }
  }
  size_t position() const { return at_; }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  [[noreturn]] void bad(const std::string& why) const {
    throw Error(ErrorKind::kConfig,
                fmt::format("'{}' is not a key path: {} at column {}", text_, why, at_ + 1), {},
                "a path is written like optimizer.adam.lr or model[2].dropout");
  }

  void read_key() {
    std::string key;
    if (peek() == '"') {
      for (++at_;; ++at_) {
        if (at_ == text_.size()) bad("a quote is not closed");
        if (text_[at_] == '"') {
          if (++at_ == text_.size() || text_[at_] != '"') break;
        }
        key += text_[at_];
      }
    } else {
      const size_t end = std::min(text_.find_first_of(".[]=\"", at_), text_.size());
      key = text_.substr(at_, end - at_);
      at_ = end;
      if (key.empty()) bad("a key is missing");
    }
    steps_.push_back({false, std::move(key), 0});
  }

  void read_index() {
    const char* first = text_.data() + at_ + 1;
    const char* last = text_.data() + text_.size();
    size_t index = 0;
    const auto [end, status] = std::from_chars(first, last, index);
    if (status != std::errc() || end == last || *end != ']') bad("expected an index such as [2]");
    at_ = static_cast<size_t>(end + 1 - text_.data());
    steps_.push_back({true, {}, index});
  }

  std::string_view text_;
  size_t at_ = 0;
  std::vector<PathStep> steps_;
};

}  // namespace

std::vector<PathStep> parse_path(std::string_view text) { return PathReader(text).read(false); }

std::vector<PathStep> parse_path_until_equals(std::string_view text, size_t& used) {
  PathReader reader(text);
  std::vector<PathStep> steps = reader.read(true);
  used = reader.position();
  return steps;
}

std::string path_text(const std::vector<PathStep>& steps, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) {
    out = steps[i].is_index ? index_path(out, steps[i].index) : key_path(out, steps[i].key);
  }
  return out;
}

}  // namespace dlb::config
