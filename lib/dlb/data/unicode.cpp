#include "dlb/data/unicode.h"

#include <utf8proc.h>

#include <array>
#include <cstdlib>
#include <memory>

#include "dlb/base/error.h"

namespace dlb::data {

namespace {

constexpr int32_t kAscii = 128;

bool is_tail(char c) { return (static_cast<uint8_t>(c) & 0xC0) == 0x80; }
int32_t tail(char c) { return static_cast<uint8_t>(c) & 0x3F; }

bool is_space(int32_t code) {
  return (code >= 0x09 && code <= 0x0D) || code == 0x20 || code == 0x85 || code == 0xA0 || code == 0x1680 ||
         (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F ||
         code == 0x205F || code == 0x3000;
}

CharClass look_up_class(int32_t code) {
  if (is_space(code)) return CharClass::kSpace;
  switch (utf8proc_category(code)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return CharClass::kLetter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return CharClass::kNumber;
    default:
      return CharClass::kOther;
  }
}

std::string lowered(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint code = decode_utf8(text);
    if (code.value < 0) {
      out += text.front();
    } else {
      append_utf8(out, utf8proc_tolower(code.value));
    }
    text.remove_prefix(code.bytes);
  }
  return out;
}

}  // namespace

CodePoint decode_utf8(std::string_view text) {
  const uint8_t lead = static_cast<uint8_t>(text.front());
  if (lead < 0x80) return {lead, 1};
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
  int32_t code = lead & (0xFF >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if (!is_tail(text[i])) return {};
    code = code << 6 | tail(text[i]);
  }
  constexpr std::array<int32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < kLeast[length] || code > 0x10FFFF || surrogate) return {};
  return {code, static_cast<uint32_t>(length)};
}

void append_utf8(std::string& out, int32_t code) {
  std::array<utf8proc_uint8_t, 4> bytes;
  const utf8proc_ssize_t count = utf8proc_encode_char(code, bytes.data());
  DLB_CHECK(count > 0);
  out.append(reinterpret_cast<const char*>(bytes.data()), static_cast<size_t>(count));
}

size_t find_invalid_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const CodePoint code = decode_utf8(text.substr(at));
    if (code.value < 0) return at;
    at += code.bytes;
  }
  return std::string_view::npos;
}

std::string latin1_to_utf8(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 8);
  for (const char c : bytes) append_utf8(out, static_cast<uint8_t>(c));
  return out;
}

CharClass char_class(int32_t code) {
  static const std::array<CharClass, kAscii> ascii = [] {
    std::array<CharClass, kAscii> table{};
    for (int32_t c = 0; c < kAscii; ++c) table[static_cast<size_t>(c)] = look_up_class(c);
    return table;
  }();
  if (code < 0) return CharClass::kOther;
  return code < kAscii ? ascii[static_cast<size_t>(code)] : look_up_class(code);
}

int32_t lower_case(int32_t code) { return code < 0 ? code : utf8proc_tolower(code); }

bool is_punctuation(int32_t code) {
  if (code < 0) return false;
  const utf8proc_category_t category = utf8proc_category(code);
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_SO;
}

std::string in_form(std::string_view text, const TextForm& form) {
  int options = form.normalize == "nfc"    ? UTF8PROC_COMPOSE
                : form.normalize == "nfd"  ? UTF8PROC_DECOMPOSE
                : form.normalize == "nfkc" ? UTF8PROC_COMPOSE | UTF8PROC_COMPAT
                : form.normalize == "nfkd" ? UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT
                                           : 0;
  if (form.strip_accents) options |= (options == 0 ? UTF8PROC_COMPOSE : 0) | UTF8PROC_STRIPMARK;
  if (options == 0) return form.lower ? lowered(text) : std::string(text);
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                             static_cast<utf8proc_ssize_t>(text.size()), &mapped,
                                             static_cast<utf8proc_option_t>(options | UTF8PROC_STABLE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  if (size < 0) {
    const size_t at = find_invalid_utf8(text);
    if (at == std::string_view::npos)
      fail(ErrorKind::kData, "cannot normalise text: {}", utf8proc_errmsg(size));
    fail(ErrorKind::kData, "cannot normalise text that is no UTF-8: byte 0x{:02x}",
         static_cast<unsigned>(static_cast<uint8_t>(text[at])));
  }
  const std::string_view result(reinterpret_cast<const char*>(mapped), static_cast<size_t>(size));
  return form.lower ? lowered(result) : std::string(result);
}

}  // namespace dlb::data
