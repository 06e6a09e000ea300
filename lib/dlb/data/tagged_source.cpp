#include "dlb/data/tagged_source.h"

#include <algorithm>

namespace dlb::data {

namespace {

constexpr double kIgnored = -100;
constexpr size_t kMaxTags = 1 << 16;

/// Calls f(part) for the parts of `text` between line feeds; none for an empty text.
template <class F>
void each_part(std::string_view text, const F& f) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    f(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

/// The columns of a line: separated by tabs where it has any, else by white space.
void split_columns(std::string_view line, std::vector<std::string_view>& out) {
  out.clear();
  const bool tabs = line.find('\t') != std::string_view::npos;
  while (!line.empty()) {
    const size_t end = std::min(line.find(tabs ? '\t' : ' '), line.size());
    if (tabs || end > 0) out.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
}

bool is_vowel(int32_t code) {
  return code == 'a' || code == 'e' || code == 'i' || code == 'o' || code == 'u';
}

}  // namespace

Fields TaggedSource::fields() {
  static const std::vector<Field> list = with_common({
      field<&TaggedSource::task>("task", "what the tags are", one_of({"columns", "capitals", "vowels"})),
      field<&TaggedSource::token_column>("token_column", "column of the word, from 0; negative: from the end",
                                         between(-1000, 1000)),
      field<&TaggedSource::tag_column>("tag_column", "column of the tag, from 0; negative: from the end",
                                       between(-1000, 1000)),
  });
  return list;
}

void TaggedSource::bind(const SourceOptions& options) {
  if (tokenizer.is_null() && task == "columns") {
    tokenizer = config::Node::map(
        {{"word", {}, config::Node::map({{"punctuation", {}, config::Node::string("keep")}})}});
  }
  if (task == "columns" && token_column == tag_column) {
    fail(ErrorKind::kConfig, "tagged: token_column and tag_column are both {}", tag_column);
  }
  ItemSource::bind(options);
}

void TaggedSource::read_columns(const std::string& path, const ItemVisit& visit) const {
  std::string words, tags;
  std::vector<std::string_view> parts;
  const auto finish = [&] {
    if (!words.empty()) visit({words, tags});
    words.clear();
    tags.clear();
  };
  TextFiles{encoding}.lines(path, [&](std::string_view line, int64_t number) {
    if (line.find_first_not_of(" \t") == std::string_view::npos) return finish();
    if (line.starts_with("-DOCSTART-") || line.starts_with("# ")) return;
    split_columns(line, parts);
    const auto part = [&](int64_t column, std::string_view what) {
      const int64_t at = column < 0 ? column + static_cast<int64_t>(parts.size()) : column;
      if (at < 0 || at >= static_cast<int64_t>(parts.size())) {
        fail(ErrorKind::kData, "'{}' line {} has {} columns; {} is column {}", path, number, parts.size(),
             what, column);
      }
      const std::string_view found = parts[static_cast<size_t>(at)];
      if (found.empty()) fail(ErrorKind::kData, "'{}' line {}: {} is empty", path, number, what);
      return found;
    };
    const std::string_view word = part(token_column, "the word"), tag = part(tag_column, "the tag");
    if (!words.empty()) {
      words += '\n';
      tags += '\n';
    }
    words += word;
    tags += tag;
  });
  finish();
}

void TaggedSource::read_derived(const std::string& path, const ItemVisit& visit) const {
  std::string text, tags;
  TextFiles{encoding}.lines(path, [&](std::string_view line, int64_t) {
    if (line.find_first_not_of(" \t") == std::string_view::npos) return;
    text.clear();
    tags.clear();
    while (!line.empty()) {
      const CodePoint code = decode_utf8(line);
      line.remove_prefix(code.bytes);
      if (code.value < 0) continue;
      const int32_t lower = lower_case(code.value);
      const bool letter = char_class(code.value) == CharClass::kLetter;
      if (task == "capitals") {
        append_utf8(text, lower);
        if (letter) tags += lower == code.value ? "lower" : "upper";
      } else if (is_vowel(lower)) {
        text += '_';
        tags += static_cast<char>(lower);
      } else {
        append_utf8(text, lower);
      }
      tags += '\n';
    }
    visit({text, tags});
  });
}

void TaggedSource::read_items(const std::string& path, const ItemVisit& visit) const {
  if (task == "columns") {
    read_columns(path, visit);
  } else {
    read_derived(path, visit);
  }
}

void TaggedSource::vocabulary_text(const TextItem& item,
                                   const std::function<void(std::string_view)>& take) const {
  take(item.first);
}

void TaggedSource::learn(const TextItem& item) {
  each_part(item.second, [&](std::string_view tag) {
    if (tag.empty() || numbers_.find(tag) != numbers_.end()) return;
    if (numbers_.size() == kMaxTags) fail(ErrorKind::kData, "tagged: more than {} tags", kMaxTags);
    numbers_.emplace(tag, 0);
  });
}

void TaggedSource::finish_learning() {
  classes_.clear();
  for (auto& [tag, number] : numbers_) {
    number = static_cast<int32_t>(classes_.size());
    classes_.push_back(tag);
  }
}

std::vector<int64_t> TaggedSource::store_limits() const {
  return {tokenizer_made().size(), static_cast<int64_t>(classes_.size()) + 1};
}

void TaggedSource::encode(const TextItem& item, std::vector<std::vector<int32_t>>& lists) const {
  tokenizer_made().encode(item.first, lists[0]);
  each_part(item.second, [&](std::string_view tag) {
    const auto number = numbers_.find(tag);
    if (!tag.empty() && number == numbers_.end()) {
      fail(ErrorKind::kData, "tagged: the tag '{}' is none of the training items' {} tags", tag.substr(0, 60),
           classes_.size());
    }
    lists[1].push_back(tag.empty() ? 0 : number->second + 1);
  });
  if (lists[0].size() != lists[1].size()) {
    Error error(ErrorKind::kData,
                fmt::format("tagged: the tokenizer makes {} tokens of the {} that have tags: '{}'",
                            lists[0].size(), lists[1].size(), item.first.substr(0, 60)));
    error.hint = "one token each is what `word: {punctuation: keep}` makes of words and `char` of characters";
    throw error;
  }
  if (max_length == 0) return;
  for (auto& list : lists) list.resize(std::min(list.size(), static_cast<size_t>(max_length)));
}

std::vector<ListColumn> TaggedSource::columns() const {
  ListColumn tokens{padded("tokens")}, tags{{"tags", {}, Collate::kPad, kIgnored}};
  tags.store = 1;
  tags.minus_one = true;
  return {tokens, tags};
}

}  // namespace dlb::data
