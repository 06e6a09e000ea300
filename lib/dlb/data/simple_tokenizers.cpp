#include "dlb/data/simple_tokenizers.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "dlb/base/error.h"

namespace dlb::data {

namespace {

constexpr int32_t kCodePoints = 0x110000;

[[noreturn]] void not_utf8(std::string_view text) {
  fail(ErrorKind::kData, "the text is no UTF-8: byte 0x{:02x}",
       static_cast<unsigned>(static_cast<uint8_t>(text.front())));
}

/// Calls f(code, bytes) for each code point.
template <class F>
void each_code(std::string_view text, const F& f) {
  while (!text.empty()) {
    const CodePoint code = decode_utf8(text);
    if (code.value < 0) not_utf8(text);
    f(code.value, text.substr(0, code.bytes));
    text.remove_prefix(code.bytes);
  }
}

/// A tokenizer whose special tokens come first in its vocabulary.
class VocabularyTokenizer : public Tokenizer {
 public:
  VocabularyTokenizer(const std::vector<std::string>& specials, const TextForm& form) {
    form_ = form;
    for (const std::string& token : specials) specials_.add(token, vocabulary_.add(token));
  }
  int64_t size() const override { return vocabulary_.size(); }
  const std::string& token(int32_t id) const override { return vocabulary_.token(id); }
  std::optional<int32_t> find(std::string_view token) const override { return vocabulary_.find(token); }

 protected:
  Vocabulary vocabulary_;
};

class CharTokenizer final : public VocabularyTokenizer {
 public:
  CharTokenizer(const std::vector<std::string>& specials, const TextForm& form, const std::string& unknown)
      : VocabularyTokenizer(specials, form) {
    if (!unknown.empty()) unknown_ = special(unknown);
  }
  void add(int32_t code) {
    std::string bytes;
    append_utf8(bytes, code);
    // A special token of one character is another token than that character.
    if (const auto same = vocabulary_.find(bytes)) {
      ids_.emplace(code, *same);
    } else {
      ids_.emplace(code, vocabulary_.add(bytes));
    }
    if (code < kAscii) ascii_[static_cast<size_t>(code)] = ids_.at(code);
  }

 protected:
  void encode_plain(std::string_view text, std::vector<int32_t>& out) const override {
    out.reserve(out.size() + text.size());
    each_code(text, [&](int32_t code, std::string_view bytes) {
      if (code < kAscii && ascii_[static_cast<size_t>(code)] >= 0) {
        out.push_back(ascii_[static_cast<size_t>(code)]);
        return;
      }
      const auto it = ids_.find(code);
      if (it != ids_.end()) {
        out.push_back(it->second);
      } else if (unknown_ >= 0) {
        out.push_back(unknown_);
      } else {
        Error error(ErrorKind::kData, fmt::format("the character '{}' (U+{:04X}) is not in the vocabulary, "
                                                  "which is that of the training text",
                                                  bytes, static_cast<unsigned>(code)));
        error.hint = "give the tokenizer a token for such characters: char: {unknown: <unk>}";
        throw error;
      }
    });
  }

 private:
  static constexpr int32_t kAscii = 128;
  std::array<int32_t, kAscii> ascii_ = [] {
    std::array<int32_t, kAscii> none{};
    none.fill(-1);
    return none;
  }();
  std::unordered_map<int32_t, int32_t> ids_;
  int32_t unknown_ = -1;
};

class ByteTokenizer final : public VocabularyTokenizer {
 public:
  ByteTokenizer(const std::vector<std::string>& specials, const TextForm& form)
      : VocabularyTokenizer(specials, form), first_(static_cast<int32_t>(vocabulary_.size())) {
    for (int byte = 0; byte < 256; ++byte) bytes_.emplace_back(1, static_cast<char>(byte));
  }
  int64_t size() const override { return first_ + 256; }
  const std::string& token(int32_t id) const override {
    return id < first_ ? vocabulary_.token(id) : bytes_[static_cast<size_t>(id - first_)];
  }
  std::optional<int32_t> find(std::string_view token) const override {
    if (token.size() == 1) return first_ + static_cast<uint8_t>(token.front());
    return vocabulary_.find(token);
  }

 protected:
  void encode_plain(std::string_view text, std::vector<int32_t>& out) const override {
    out.reserve(out.size() + text.size());
    for (const char c : text) out.push_back(first_ + static_cast<uint8_t>(c));
  }

 private:
  int32_t first_;
  std::vector<std::string> bytes_;
};

enum class Punctuation { kSeparate, kKeep, kDrop };

/// Calls word(bytes) for each word, newline() for each line feed.
template <class Word, class Newline>
void cut_words(std::string_view text, Punctuation punctuation, const Word& word, const Newline& newline) {
  size_t begin = 0, at = 0;
  const auto finish = [&] {
    if (at > begin) word(text.substr(begin, at - begin));
  };
  each_code(text, [&](int32_t code, std::string_view bytes) {
    if (char_class(code) == CharClass::kSpace) {
      finish();
      if (code == '\n') newline();
      begin = at + bytes.size();
    } else if (punctuation != Punctuation::kKeep && is_punctuation(code)) {
      finish();
      if (punctuation == Punctuation::kSeparate) word(bytes);
      begin = at + bytes.size();
    }
    at += bytes.size();
  });
  finish();
}

class WordTokenizer final : public VocabularyTokenizer {
 public:
  WordTokenizer(const std::vector<std::string>& specials, const TextForm& form, Punctuation punctuation,
                const std::string& unknown, const std::string& newline)
      : VocabularyTokenizer(specials, form), punctuation_(punctuation), unknown_(special(unknown)) {
    if (!newline.empty()) newline_ = special(newline);
  }
  void add(const std::string& word) { vocabulary_.add(word); }

 protected:
  void encode_plain(std::string_view text, std::vector<int32_t>& out) const override {
    cut_words(
        text, punctuation_,
        [&](std::string_view word) { out.push_back(vocabulary_.find(word).value_or(unknown_)); },
        [&] {
          if (newline_ >= 0) out.push_back(newline_);
        });
  }
  std::string_view separator() const override { return " "; }

 private:
  Punctuation punctuation_;
  int32_t unknown_;
  int32_t newline_ = -1;
};

/// Calls f with the parts of the training text that are no special token, in the form asked for.
template <class F>
void each_plain(const TextFeed& training, const std::vector<std::string>& tokens, const TextForm& form,
                const F& f) {
  Specials specials;
  for (const std::string& token : tokens) specials.add(token, 0);
  training([&](std::string_view text) {
    specials.cut(
        text,
        [&](std::string_view part) {
          if (form.plain()) {
            f(part);
          } else {
            f(std::string_view(in_form(part, form)));
          }
        },
        [](int32_t) {});
  });
}

void add_special(std::vector<std::string>& specials, const std::string& token) {
  if (!token.empty() && std::find(specials.begin(), specials.end(), token) == specials.end()) {
    specials.push_back(token);
  }
}

}  // namespace

Fields CharTokenizerBuilder::fields() {
  static const std::vector<Field> list = with_common({
      field<&CharTokenizerBuilder::alphabet>(
          "alphabet", "the characters of the vocabulary; otherwise those of the training text"),
      field<&CharTokenizerBuilder::unknown>(
          "unknown", "special token for characters outside the vocabulary; without it they are an error"),
  });
  return list;
}

void CharTokenizerBuilder::bind(const std::string&) {
  check_special_tokens(special_tokens);
  if (!unknown.empty()) check_special_tokens({unknown});
}

std::unique_ptr<Tokenizer> CharTokenizerBuilder::make(const TextFeed& training,
                                                      const std::vector<std::string>& needed) const {
  std::vector<std::string> specials = all_specials(needed);
  add_special(specials, unknown);
  std::vector<bool> found(kCodePoints);
  const auto take = [&](std::string_view part) {
    each_code(part, [&](int32_t code, std::string_view) { found[static_cast<size_t>(code)] = true; });
  };
  if (!alphabet.empty()) {
    take(alphabet);
  } else {
    each_plain(training, specials, form(), take);
  }
  auto tokenizer = std::make_unique<CharTokenizer>(specials, form(), unknown);
  for (int32_t code = 0; code < kCodePoints; ++code) {
    if (found[static_cast<size_t>(code)]) tokenizer->add(code);
  }
  return tokenizer;
}

Fields ByteTokenizerBuilder::fields() {
  static const std::vector<Field> list = with_common({});
  return list;
}

void ByteTokenizerBuilder::bind(const std::string&) { check_special_tokens(special_tokens); }

std::unique_ptr<Tokenizer> ByteTokenizerBuilder::make(const TextFeed&,
                                                      const std::vector<std::string>& needed) const {
  return std::make_unique<ByteTokenizer>(all_specials(needed), form());
}

Fields WordTokenizerBuilder::fields() {
  static const std::vector<Field> list = with_common({
      field<&WordTokenizerBuilder::max_size>(
          "max_size", "size of the vocabulary at most, special tokens with it; 0: no limit",
          between(0, static_cast<double>(Vocabulary::kMaxTokens))),
      field<&WordTokenizerBuilder::min_count>("min_count", "words that are rarer are unknown", at_least(1)),
      field<&WordTokenizerBuilder::punctuation>(
          "punctuation", "a punctuation mark is a word of its own, a part of its word, or left out",
          one_of({"separate", "keep", "drop"})),
      field<&WordTokenizerBuilder::newline>("newline",
                                            "special token that a line's end becomes, such as <eos>"),
      field<&WordTokenizerBuilder::unknown>("unknown", "special token for words outside the vocabulary"),
  });
  return list;
}

void WordTokenizerBuilder::bind(const std::string&) {
  check_special_tokens(special_tokens);
  check_special_tokens({unknown});
  if (!newline.empty()) check_special_tokens({newline});
}

std::unique_ptr<Tokenizer> WordTokenizerBuilder::make(const TextFeed& training,
                                                      const std::vector<std::string>& needed) const {
  std::vector<std::string> specials = all_specials(needed);
  add_special(specials, unknown);
  add_special(specials, newline);
  const Punctuation rule = punctuation == "separate" ? Punctuation::kSeparate
                           : punctuation == "keep"   ? Punctuation::kKeep
                                                     : Punctuation::kDrop;
  StringMap<int64_t> counts;
  const auto count = [&](std::string_view word) {
    if (const auto it = counts.find(word); it != counts.end()) {
      ++it->second;
    } else {
      counts.emplace(word, 1);
    }
  };
  each_plain(training, specials, form(), [&](std::string_view part) { cut_words(part, rule, count, [] {}); });
  std::vector<std::pair<std::string_view, int64_t>> words;
  for (const auto& [word, times] : counts) {
    if (times >= min_count) words.emplace_back(word, times);
  }
  std::sort(words.begin(), words.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  auto tokenizer = std::make_unique<WordTokenizer>(specials, form(), rule, unknown, newline);
  for (const auto& [word, times] : words) {
    if (max_size != 0 && tokenizer->size() >= max_size) break;
    tokenizer->add(std::string(word));
  }
  return tokenizer;
}

}  // namespace dlb::data
