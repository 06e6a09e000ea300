#pragma once
/// \file Unicode: code points of UTF-8, their classes, case and normal forms.

#include <cstdint>
#include <string>
#include <string_view>

namespace dlb::data {

/// A code point read from UTF-8, and the bytes it takes.
struct CodePoint {
  int32_t value =
      -1;  ///< -1: the byte begins no valid sequence (too short, overlong, surrogate, above U+10FFFF)
  uint32_t bytes = 1;  ///< 1 when invalid
};

/// The code point at the start of `text`, which is not empty.
/// **Source**: the Unicode Standard, table 3-7 (well-formed UTF-8 byte sequences).
CodePoint decode_utf8(std::string_view text);
/// Appends the UTF-8 bytes of a valid code point.
void append_utf8(std::string& out, int32_t code);
/// The offset of the first byte that is no UTF-8, or npos.
size_t find_invalid_utf8(std::string_view text);
/// The bytes of Latin-1 (ISO 8859-1) as UTF-8.
std::string latin1_to_utf8(std::string_view bytes);

/// What a code point is to a rule that cuts text into words.
enum class CharClass : uint8_t { kSpace, kLetter, kNumber, kOther };
/// kSpace: White_Space; kLetter, kNumber: general categories L* and N*; kOther: all else, and -1.
CharClass char_class(int32_t code);
/// The simple lower-case mapping of a code point; itself where it has none.
int32_t lower_case(int32_t code);
/// General categories P* and S*: punctuation and symbols.
bool is_punctuation(int32_t code);

/// What is done to text before it is cut into tokens.
struct TextForm {
  bool lower = false;              ///< each code point by its simple lower-case mapping
  std::string normalize = "none";  ///< none, nfc, nfd, nfkc, nfkd
  bool strip_accents = false;      ///< combining marks are left out ("é" becomes "e")
  bool plain() const { return !lower && !strip_accents && normalize == "none"; }
};
/// `text` in that form. Errors: data, when the text is no UTF-8 (and the form is not plain).
std::string in_form(std::string_view text, const TextForm& form);

}  // namespace dlb::data
