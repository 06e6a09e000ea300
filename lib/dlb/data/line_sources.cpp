#include "dlb/data/line_sources.h"

#include <algorithm>
#include <charconv>

#include "dlb/base/files.h"

namespace dlb::data {

namespace {

constexpr double kIgnored = -100;
constexpr size_t kMaxClasses = 1 << 16;
constexpr std::string_view kExtension = ".txt";

bool is_blank(std::string_view line) { return line.find_first_not_of(" \t") == std::string_view::npos; }

std::optional<int64_t> number_of(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Fields LinesSource::fields() {
  static const std::vector<Field> list = with_common({});
  return list;
}

void LinesSource::read_items(const std::string& path, const ItemVisit& visit) const {
  TextFiles{encoding}.lines(path, [&](std::string_view line, int64_t) {
    if (!is_blank(line)) visit({line, {}});
  });
}

void LinesSource::vocabulary_text(const TextItem& item,
                                  const std::function<void(std::string_view)>& take) const {
  take(item.first);
}

void LinesSource::encode(const TextItem& item, std::vector<std::vector<int32_t>>& lists) const {
  encode_text(item.first, tokenizer_made().special("<s>"), tokenizer_made().special("</s>"), lists[0]);
}

std::vector<ListColumn> LinesSource::columns() const {
  ListColumn tokens{padded("tokens")}, target{{"target", {}, Collate::kPad, kIgnored}};
  tokens.skip_back = 1;
  target.skip_front = 1;
  return {tokens, target};
}

Fields LabelledLinesSource::fields() {
  static const std::vector<Field> list = with_common({
      field<&LabelledLinesSource::separator>("separator", "what stands between label and text"),
      field<&LabelledLinesSource::label_last>("label_last", "the label stands behind the text"),
      field<&LabelledLinesSource::lengths>("lengths", "give the number of tokens as second input, `length`"),
  });
  return list;
}

void LabelledLinesSource::bind(const SourceOptions& options) {
  ItemSource::bind(options);
  if (separator.empty()) fail(ErrorKind::kConfig, "labelled_lines: separator is empty");
}

void LabelledLinesSource::read_class(const std::string& path, const std::string& label,
                                     const ItemVisit& visit) const {
  TextFiles{encoding}.lines(path, [&](std::string_view line, int64_t) {
    if (!is_blank(line)) visit({line, label});
  });
}

std::vector<std::string> LabelledLinesSource::files_of(const std::string& path) const {
  if (!files::is_folder(path)) return {path};
  std::vector<std::string> found;
  for (const std::string& file : files::list(path)) {
    if (file.ends_with(kExtension) && file.size() > kExtension.size())
      found.push_back(files::join(path, file));
  }
  if (found.empty()) fail(ErrorKind::kData, "folder '{}' has no files CLASS.txt", path);
  return found;
}

void LabelledLinesSource::read_items(const std::string& path, const ItemVisit& visit) const {
  if (files::is_folder(path)) {
    for (const std::string& file : files_of(path)) {
      const std::string label = files::base_name(file);
      read_class(file, label.substr(0, label.size() - kExtension.size()), visit);
    }
    return;
  }
  TextFiles{encoding}.lines(path, [&](std::string_view line, int64_t number) {
    if (is_blank(line)) return;
    const size_t at = label_last ? line.rfind(separator) : line.find(separator);
    if (at == std::string_view::npos) {
      fail(ErrorKind::kData, "'{}' line {} has no '{}' between label and text: '{}'", path, number, separator,
           line.substr(0, 60));
    }
    const std::string_view left = line.substr(0, at), right = line.substr(at + separator.size());
    const std::string_view label = label_last ? right : left, text = label_last ? left : right;
    if (label.empty() || is_blank(text)) {
      fail(ErrorKind::kData, "'{}' line {} has an empty {}", path, number, label.empty() ? "label" : "text");
    }
    visit({text, label});
  });
}

void LabelledLinesSource::vocabulary_text(const TextItem& item,
                                          const std::function<void(std::string_view)>& take) const {
  take(item.first);
}

void LabelledLinesSource::learn(const TextItem& item) {
  if (numbers_.find(item.second) != numbers_.end()) return;
  if (numbers_.size() == kMaxClasses)
    fail(ErrorKind::kData, "labelled_lines: more than {} classes", kMaxClasses);
  numbers_.emplace(item.second, 0);
}

void LabelledLinesSource::finish_learning() {
  classes_.clear();
  for (const auto& [label, number] : numbers_) classes_.push_back(label);
  if (std::all_of(classes_.begin(), classes_.end(), [](const std::string& c) { return number_of(c); })) {
    std::sort(classes_.begin(), classes_.end(), [](const std::string& a, const std::string& b) {
      return *number_of(a) != *number_of(b) ? *number_of(a) < *number_of(b) : a < b;
    });
  }
  for (size_t i = 0; i < classes_.size(); ++i) numbers_[classes_[i]] = static_cast<int32_t>(i);
}

std::vector<int64_t> LabelledLinesSource::store_limits() const {
  return {tokenizer_made().size(), static_cast<int64_t>(classes_.size())};
}

void LabelledLinesSource::encode(const TextItem& item, std::vector<std::vector<int32_t>>& lists) const {
  const auto number = numbers_.find(item.second);
  if (number == numbers_.end()) {
    fail(ErrorKind::kData,
         "labelled_lines: the label '{}' of the text '{}' is none of the training items' {} labels",
         item.second.substr(0, 60), item.first.substr(0, 60), classes_.size());
  }
  encode_text(item.first, -1, -1, lists[0]);
  // A text may be nothing but characters that the tokenizer leaves out; it stands as one filler.
  if (lists[0].empty()) lists[0].push_back(tokenizer_made().special("<pad>"));
  lists[1].push_back(number->second);
}

std::vector<ListColumn> LabelledLinesSource::columns() const {
  ListColumn tokens{padded("tokens")}, length{{"length", {}}}, label{{"label", {}}};
  length.length = true;
  label.store = 1;
  if (lengths) return {tokens, length, label};
  return {tokens, label};
}

}  // namespace dlb::data
