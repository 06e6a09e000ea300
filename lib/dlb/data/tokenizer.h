#pragma once
/// \file Tokenizers: text to token numbers and back.

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dlb/base/fields.h"
#include "dlb/config/node.h"
#include "dlb/data/unicode.h"

namespace dlb::data {

/// Hash of strings that also takes views, for look-ups without a copy.
struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
template <class T>
using StringMap = std::unordered_map<std::string, T, StringHash, std::equal_to<>>;

/// The tokens of a tokenizer: numbers 0 to size() - 1 and the bytes that each stands for.
class Vocabulary {
 public:
  /// The number of the token, which is added if it is new. Errors: data, beyond kMaxTokens.
  int32_t add(std::string_view token);
  std::optional<int32_t> find(std::string_view token) const;
  int64_t size() const { return static_cast<int64_t>(tokens_.size()); }
  const std::string& token(int32_t id) const { return tokens_[static_cast<size_t>(id)]; }

  static constexpr size_t kMaxTokens = size_t{1} << 24;

 private:
  std::vector<std::string> tokens_;
  StringMap<int32_t> ids_;
};

/// Special tokens: texts that are one token each wherever they stand.
class Specials {
 public:
  void add(const std::string& token, int32_t id);
  /// The first place of a special token in `text`, of several at one place the longest.
  struct Place {
    size_t at;         ///< text.size() when there is none
    size_t bytes = 0;  ///< of the token's text
    int32_t id = -1;
  };
  Place first_in(std::string_view text) const;
  /// Cuts text at the special tokens: plain(part) for what lies between, special(id) for each of them.
  template <class Plain, class Special>
  void cut(std::string_view text, const Plain& plain, const Special& special) const {
    while (!text.empty()) {
      const Place place = first_in(text);
      if (place.at > 0) plain(text.substr(0, place.at));
      if (place.id >= 0) special(place.id);
      text.remove_prefix(place.at + place.bytes);
    }
  }
  const std::vector<std::pair<std::string, int32_t>>& all() const { return tokens_; }

 private:
  std::vector<std::pair<std::string, int32_t>> tokens_;  ///< text, id
  std::array<bool, 256> first_bytes_{};
};

/// Cuts text into tokens. Where a special token's text stands in the text, it becomes that token; all else is
/// brought into the form asked for (lower case, normal form) and cut by the tokenizer's rule. Thread-safe.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  /// Number of tokens; ids are below it.
  virtual int64_t size() const = 0;
  /// The bytes of a token; a special token's own text. Not UTF-8 when a token is a part of a character.
  virtual const std::string& token(int32_t id) const = 0;
  /// The id of a token, or nothing.
  virtual std::optional<int32_t> find(std::string_view token) const = 0;

  /// Appends the tokens of `text`. Errors: data, for what has no token, or for text that must be UTF-8 and is
  /// not.
  void encode(std::string_view text, std::vector<int32_t>& out) const;
  std::vector<int32_t> encode(std::string_view text) const;
  /// The text of tokens. Errors: data, when an id is outside the vocabulary.
  std::string decode(std::span<const int32_t> ids) const;

  /// The id of a special token. Errors: internal when there is none.
  int32_t special(std::string_view token) const;
  const Specials& specials() const { return specials_; }

 protected:
  /// Text without special tokens, in the form asked for.
  virtual void encode_plain(std::string_view text, std::vector<int32_t>& out) const = 0;
  /// What stands between two tokens of a text ("" or " ").
  virtual std::string_view separator() const { return ""; }

  Specials specials_;
  TextForm form_;
};

/// The text of a token for people to read, "" outside the vocabulary; a part of a character is written by its
/// bytes, as \xe2.
std::string token_label(const Tokenizer& tokenizer, int64_t id);

/// Hands pieces of the training text to a function, in order; may be called several times. Pieces end where
/// no rule joins characters: before white space, or at the end of an item.
using TextFeed = std::function<void(const std::function<void(std::string_view)>&)>;

/// Chosen in a source's `tokenizer`: makes the tokenizer of a data set from its training text.
class TokenizerBuilder {
 public:
  virtual ~TokenizerBuilder() = default;
  /// Called once after the fields are read; `folder` is what relative paths are relative to. Errors: config.
  virtual void bind(const std::string& folder) { static_cast<void>(folder); }
  /// `needed` are the special tokens that the source uses; with those of the config they come first in a new
  /// vocabulary, and are added behind the tokens of a loaded one that lacks them. Errors: io, data.
  virtual std::unique_ptr<Tokenizer> make(const TextFeed& training,
                                          const std::vector<std::string>& needed) const = 0;

  std::vector<std::string> special_tokens;
  bool lower = false;
  std::string normalize = "none";
  bool strip_accents = false;

 protected:
  TextForm form() const { return {lower, normalize, strip_accents}; }
  /// `needed`, then the config's, each once.
  std::vector<std::string> all_specials(const std::vector<std::string>& needed) const;
  /// A tokenizer's own fields, then those that all have.
  static std::vector<Field> with_common(std::vector<Field> own);
};
using TokenizerType = TypeInfo<TokenizerBuilder>;
/// char, byte, word, bpe.
std::span<const TokenizerType> tokenizer_types();

/// The tokenizer that a source's `tokenizer` chooses, bound to `folder`; `char` when the node is null.
/// Errors: config, all that are in it.
std::unique_ptr<TokenizerBuilder> read_tokenizer(const config::Node& node, const std::string& folder);

/// Errors: config, when a special token is empty, has white space or stands twice.
void check_special_tokens(const std::vector<std::string>& tokens);

}  // namespace dlb::data
