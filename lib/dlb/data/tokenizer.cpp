#include "dlb/data/tokenizer.h"

#include <algorithm>

#include "dlb/base/error.h"

namespace dlb::data {

int32_t Vocabulary::add(std::string_view token) {
  if (const auto it = ids_.find(token); it != ids_.end()) return it->second;
  if (tokens_.size() >= kMaxTokens) {
    fail(ErrorKind::kData, "the vocabulary has more than {} tokens", kMaxTokens);
  }
  const auto id = static_cast<int32_t>(tokens_.size());
  tokens_.emplace_back(token);
  ids_.emplace(tokens_.back(), id);
  return id;
}

std::optional<int32_t> Vocabulary::find(std::string_view token) const {
  const auto it = ids_.find(token);
  if (it == ids_.end()) return std::nullopt;
  return it->second;
}

void Specials::add(const std::string& token, int32_t id) {
  tokens_.emplace_back(token, id);
  first_bytes_[static_cast<uint8_t>(token.front())] = true;
}

Specials::Place Specials::first_in(std::string_view text) const {
  Place place{text.size()};
  if (tokens_.empty()) return place;
  for (size_t at = 0; at < text.size(); ++at) {
    if (!first_bytes_[static_cast<uint8_t>(text[at])]) continue;
    for (const auto& [token, id] : tokens_) {
      if (token.size() > place.bytes && text.substr(at).starts_with(token)) place = {at, token.size(), id};
    }
    if (place.id >= 0) break;
  }
  return place;
}

void Tokenizer::encode(std::string_view text, std::vector<int32_t>& out) const {
  specials_.cut(
      text,
      [&](std::string_view part) {
        if (form_.plain()) {
          encode_plain(part, out);
        } else {
          encode_plain(in_form(part, form_), out);
        }
      },
      [&](int32_t id) { out.push_back(id); });
}

std::vector<int32_t> Tokenizer::encode(std::string_view text) const {
  std::vector<int32_t> out;
  encode(text, out);
  return out;
}

std::string Tokenizer::decode(std::span<const int32_t> ids) const {
  std::string text;
  for (const int32_t id : ids) {
    if (id < 0 || id >= size()) {
      fail(ErrorKind::kData, "there is no token {}; expected 0 to {}", id, size() - 1);
    }
    if (!text.empty()) text += separator();
    text += token(id);
  }
  return text;
}

int32_t Tokenizer::special(std::string_view token) const {
  for (const auto& [text, id] : specials_.all()) {
    if (text == token) return id;
  }
  fail(ErrorKind::kInternal, "the tokenizer has no special token '{}'", token);
}

std::vector<std::string> TokenizerBuilder::all_specials(const std::vector<std::string>& needed) const {
  std::vector<std::string> all = needed;
  for (const std::string& token : special_tokens) {
    if (std::find(all.begin(), all.end(), token) == all.end()) all.push_back(token);
  }
  return all;
}

std::vector<Field> TokenizerBuilder::with_common(std::vector<Field> own) {
  own.push_back(field<&TokenizerBuilder::lower>("lower", "turn text to lower case first"));
  own.push_back(field<&TokenizerBuilder::normalize>("normalize",
                                                    "bring text to that Unicode normal form first",
                                                    one_of({"none", "nfc", "nfd", "nfkc", "nfkd"})));
  own.push_back(field<&TokenizerBuilder::strip_accents>("strip_accents", "leave out accents: é becomes e"));
  own.push_back(field<&TokenizerBuilder::special_tokens>(
      "special_tokens", "texts that are one token each wherever they stand, such as <|endoftext|>"));
  return own;
}

void check_special_tokens(const std::vector<std::string>& tokens) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    const std::string& token = tokens[i];
    if (token.empty()) fail(ErrorKind::kConfig, "a special token is empty");
    if (token.find_first_of(" \t\r\n\f\v") != std::string::npos) {
      fail(ErrorKind::kConfig, "the special token '{}' has white space in it", token);
    }
    if (std::find(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(i), token) !=
        tokens.begin() + static_cast<std::ptrdiff_t>(i)) {
      fail(ErrorKind::kConfig, "the special token '{}' is given twice", token);
    }
  }
}

std::string token_label(const Tokenizer& tokenizer, int64_t id) {
  if (id < 0 || id >= tokenizer.size()) return {};
  const std::string& text = tokenizer.token(static_cast<int32_t>(id));
  if (find_invalid_utf8(text) == std::string::npos) return text;
  std::string bytes;
  for (const char c : text) bytes += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  return bytes;
}

}  // namespace dlb::data
