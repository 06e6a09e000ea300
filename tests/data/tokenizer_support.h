#pragma once
/// \file Shorthands of the tests of tokenizers.

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "data/data_support.h"
#include "dlb/data/tokenizer.h"
#include "dlb/tensor/random.h"
#include "support/golden.h"

namespace dlb::test {

/// Hands out `pieces`, as a source does.
inline data::TextFeed feed(std::vector<std::string> pieces) {
  return [pieces = std::move(pieces)](const std::function<void(std::string_view)>& take) {
    for (const std::string& piece : pieces) take(piece);
  };
}

/// The tokenizer that `yaml` chooses, made from a training text. Errors of the config are thrown.
inline std::unique_ptr<data::Tokenizer> make_tokenizer(const std::string& yaml,
                                                       const data::TextFeed& training,
                                                       const std::vector<std::string>& needed = {},
                                                       const std::string& folder = "") {
  std::string text = "it: ";
  text += yaml;
  text += '\n';
  const auto document = config::Document::parse(text, "test");
  ErrorList errors;
  const config::Scope scope;
  config::Reader reader(errors, scope);
  auto builder =
      reader.make<data::TokenizerBuilder>(*document.root().find("it"), data::tokenizer_types(), "tokenizer");
  errors.throw_if_any();
  builder->bind(folder);
  return builder->make(training, needed);
}

inline std::unique_ptr<data::Tokenizer> make_tokenizer(const std::string& yaml, const std::string& training,
                                                       const std::vector<std::string>& needed = {}) {
  return make_tokenizer(yaml, feed({training}), needed);
}

using Ids = std::vector<int32_t>;

/// `count` code points of all sizes, from a seed: letters, marks, spaces, ideographs, emoji, controls.
inline std::string random_text(uint64_t seed, int count) {
  RandomStream random({seed, RngPurpose::kUser, 0, 0});
  std::string text;
  const std::pair<int32_t, int32_t> ranges[] = {{0x20, 0x7E},     {0x20, 0x7E},       {0x61, 0x7A},
                                                {0x09, 0x0D},     {0xA0, 0x24F},      {0x300, 0x36F},
                                                {0x400, 0x4FF},   {0x2000, 0x206F},   {0x4E00, 0x4EFF},
                                                {0xFFF0, 0xFFFF}, {0x1F600, 0x1F64F}, {0x10FFF0, 0x10FFFF}};
  for (int i = 0; i < count; ++i) {
    const auto [low, high] = ranges[random.below(std::size(ranges))];
    data::append_utf8(text, low + static_cast<int32_t>(random.below(static_cast<uint64_t>(high - low + 1))));
  }
  return text;
}

/// `count` bytes of any value, from a seed.
inline std::string random_bytes(uint64_t seed, int count) {
  RandomStream random({seed, RngPurpose::kUser, 1, 0});
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += static_cast<char>(random.below(256));
  return bytes;
}

}  // namespace dlb::test
