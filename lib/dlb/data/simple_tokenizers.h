#pragma once
/// \file The tokenizers char, byte and word.

#include <string>
#include <vector>

#include "dlb/data/tokenizer.h"

namespace dlb::data {

/// One token per Unicode code point. The vocabulary: special tokens, then the code points of the training
/// text (or of `alphabet`) in increasing order. Text must be UTF-8.
struct CharTokenizerBuilder final : TokenizerBuilder {
  std::string alphabet;
  std::string unknown;
  static Fields fields();
  void bind(const std::string& folder) override;
  std::unique_ptr<Tokenizer> make(const TextFeed& training,
                                  const std::vector<std::string>& needed) const override;
};

/// One token per byte. The vocabulary: special tokens, then the 256 bytes. Takes any bytes.
struct ByteTokenizerBuilder final : TokenizerBuilder {
  static Fields fields();
  void bind(const std::string& folder) override;
  std::unique_ptr<Tokenizer> make(const TextFeed& training,
                                  const std::vector<std::string>& needed) const override;
};

/// Words between white space. `punctuation`: a punctuation mark or symbol is a word of its own ("separate"),
/// belongs to its word ("keep") or is left out ("drop"). The vocabulary: special tokens, `unknown`, then the
/// words of the training text by falling count, equal ones by their bytes. Text must be UTF-8; it is decoded
/// with one space between words.
struct WordTokenizerBuilder final : TokenizerBuilder {
  int64_t max_size = 0;
  int64_t min_count = 1;
  std::string punctuation = "separate";
  std::string newline;
  std::string unknown = "<unk>";
  static Fields fields();
  void bind(const std::string& folder) override;
  std::unique_ptr<Tokenizer> make(const TextFeed& training,
                                  const std::vector<std::string>& needed) const override;
};

}  // namespace dlb::data
