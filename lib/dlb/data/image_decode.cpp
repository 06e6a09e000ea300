#include "dlb/data/image_decode.h"

#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>

#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_MAX_DIMENSIONS 65535
// The decoder reads tables that a file uses without giving them: zeros are harmless, and the same each time.
#define STBI_MALLOC(bytes) std::calloc(1, bytes)
#define STBI_REALLOC(block, bytes) std::realloc(block, bytes)
#define STBI_FREE(block) std::free(block)
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#if defined(__clang__)
// Once a damaged JPEG has used up its bits the decoder shifts by 32, which no language rule defines: the
// picture is wrong then, as it would be anyway, but no memory outside of it is touched.
#pragma clang attribute push(__attribute__((no_sanitize("shift"))), apply_to = function)
#endif
#include <stb/stb_image.h>
#if defined(__clang__)
#pragma clang attribute pop
#endif
#pragma GCC diagnostic pop

namespace dlb::data {

namespace {

constexpr int64_t kMaxPixels = int64_t{1} << 26;
/// More than any of the formats can pack into a byte (deflate: 1032 bytes of eight pixels each), so that a
/// short file that claims a large image is refused before memory is taken for it.
constexpr int64_t kMaxPixelsPerByte = 8 * 1032;
constexpr std::string_view kPngMagic = "\x89PNG\r\n\x1a\n";

/// Hands bytes to the decoder and notices when it asks for more than there are: it would go on with zeros.
struct Input {
  std::string_view rest;
  bool overrun = false;

  static int read(void* user, char* data, int size) {
    Input& in = *static_cast<Input*>(user);
    const size_t n = std::min(in.rest.size(), static_cast<size_t>(size));
    if (n == 0) {
      in.overrun = in.overrun || size > 0;
      return 0;
    }
    std::memcpy(data, in.rest.data(), n);
    in.rest.remove_prefix(n);
    return static_cast<int>(n);
  }
  static void skip(void* user, int n) {
    Input& in = *static_cast<Input*>(user);
    if (n < 0 || static_cast<size_t>(n) > in.rest.size()) {
      in.overrun = true;
      in.rest = {};
      return;
    }
    in.rest.remove_prefix(static_cast<size_t>(n));
  }
  static int eof(void* user) { return static_cast<Input*>(user)->rest.empty() ? 1 : 0; }
};
constexpr stbi_io_callbacks kCallbacks = {&Input::read, &Input::skip, &Input::eof};

std::string_view format_name(std::string_view bytes) {
  if (bytes.starts_with("\xff\xd8")) return "JPEG";
  if (bytes.starts_with(kPngMagic)) return "PNG";
  if (bytes.starts_with("BM")) return "BMP";
  return {};
}

/// Formats that people have under these names, for the message.
std::string_view other_format(std::string_view bytes) {
  if (bytes.starts_with("GIF8")) return "GIF";
  if (bytes.starts_with("II*") || bytes.starts_with("MM")) return "TIFF";
  if (bytes.starts_with("RIFF") && bytes.substr(0, 12).ends_with("WEBP")) return "WebP";
  return {};
}

std::string_view check_format(std::string_view bytes, const std::string& name) {
  if (bytes.empty()) fail(ErrorKind::kData, "image '{}' is an empty file", name);
  const std::string_view format = format_name(bytes);
  if (!format.empty()) return format;
  const std::string_view other = other_format(bytes);
  if (!other.empty())
    fail(ErrorKind::kUnsupported, "image '{}' is a {} file; only JPEG, PNG and BMP are supported", name,
         other);
  // The beginnings of the magic numbers above are left to this message as well: such a file is cut off.
  fail(ErrorKind::kData, "'{}' is no image: expected the beginning of a JPEG, PNG or BMP file", name);
}

uint32_t big_endian(std::string_view at) {
  uint32_t value = 0;
  for (const char c : at.substr(0, 4)) value = value << 8 | static_cast<uint8_t>(c);
  return value;
}

/// The decoder does not look at a PNG's checksums.
void check_png(std::string_view bytes, const std::string& name) {
  bytes.remove_prefix(kPngMagic.size());
  while (true) {
    constexpr size_t kFrame = 12;  // length, type, checksum
    const size_t length = bytes.size() < kFrame ? 0 : big_endian(bytes);
    if (bytes.size() < kFrame || bytes.size() - kFrame < length)
      fail(ErrorKind::kData, "image '{}' is cut off: its PNG data end within a chunk", name);
    const std::string_view body = bytes.substr(4, length + 4);
    const uLong found = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
    if (found != big_endian(bytes.substr(8 + length)))
      fail(ErrorKind::kData, "image '{}' is damaged: the checksum of its PNG chunk '{}' is wrong", name,
           std::all_of(body.begin(), body.begin() + 4,
                       [](char c) { return std::isalpha(static_cast<uint8_t>(c)); })
               ? std::string(body.substr(0, 4))
               : "?");
    if (body.starts_with("IEND")) return;
    bytes.remove_prefix(kFrame + length);
  }
}

/// The decoder trusts the numbers of codes in a JPEG's Huffman tables, of which there is room for 256.
void check_jpeg(std::string_view bytes, const std::string& name) {
  size_t at = 2;
  while (true) {
    // The next marker; what lies between segments is passed over, as is the coded image.
    at = bytes.find('\xff', at);
    if (at == std::string_view::npos) return;
    while (at < bytes.size() && bytes[at] == '\xff') ++at;
    if (at == bytes.size()) return;
    const int marker = static_cast<uint8_t>(bytes[at++]);
    constexpr int kTables = 0xC4, kEnd = 0xD9;
    if (marker == kEnd) return;
    if (marker <= 0x01 || (marker >= 0xD0 && marker < kEnd)) continue;  // without a length
    if (bytes.size() - at < 2) return;
    const size_t length =
        static_cast<size_t>(static_cast<uint8_t>(bytes[at])) << 8 | static_cast<uint8_t>(bytes[at + 1]);
    // The decoder reads a table that begins in a segment even where it ends behind it.
    constexpr size_t kCounts = 17;
    size_t table = at + 2;
    while (marker == kTables && table < std::min(at + length, bytes.size())) {
      size_t codes = 0;
      const std::string_view counts = bytes.substr(std::min(table + 1, bytes.size()), kCounts - 1);
      for (const char c : counts) codes += static_cast<uint8_t>(c);
      if (codes > 256)
        fail(ErrorKind::kData, "image '{}' is damaged: a Huffman table of its JPEG data has {} codes", name,
             codes);
      table += kCounts + codes;
    }
    at += length;
    if (at > bytes.size() || length < 2) return;  // the decoder finds that itself
  }
}

[[noreturn]] void refuse(const Input& input, std::string_view format, const std::string& name) {
  if (input.overrun) fail(ErrorKind::kData, "image '{}' is cut off: its {} data end too early", name, format);
  const char* reason = stbi_failure_reason();
  fail(ErrorKind::kData, "image '{}' is damaged or of a kind of {} that is not supported ({})", name, format,
       reason != nullptr ? reason : "unknown reason");
}

void check_size(const ImageShape& image, size_t bytes, const std::string& name) {
  const int64_t pixels = image.height * image.width;  // both below 2^31, as the decoder's ints are
  if (image.height < 1 || image.width < 1)
    fail(ErrorKind::kData, "image '{}' says it has {} x {} pixels", name, image.width, image.height);
  if (pixels > kMaxPixels)
    fail(ErrorKind::kData, "image '{}' has {} x {} pixels, more than the {} that are read", name, image.width,
         image.height, kMaxPixels);
  if (pixels / kMaxPixelsPerByte > static_cast<int64_t>(bytes))
    fail(ErrorKind::kData, "image '{}' is cut off or corrupt: {} bytes cannot hold {} x {} pixels", name,
         bytes, image.width, image.height);
}

void to_channels(const uint8_t* from, int64_t have, uint8_t* to, int64_t want, int64_t pixels) {
  const bool colour = have >= 3;
  for (int64_t i = 0; i < pixels; ++i, from += have, to += want) {
    if (want == 3) {
      to[0] = from[0];
      to[1] = from[colour ? 1 : 0];
      to[2] = from[colour ? 2 : 0];
    } else if (colour) {
      to[0] = static_cast<uint8_t>((19595U * from[0] + 38470U * from[1] + 7471U * from[2] + 32768U) >> 16);
    } else {
      to[0] = from[0];
    }
  }
}

}  // namespace

bool is_image_name(std::string_view name) {
  std::string lower(name);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<uint8_t>(c)));
  for (const std::string_view ending : {".jpg", ".jpeg", ".png", ".bmp"}) {
    if (lower.ends_with(ending)) return true;
  }
  return false;
}

ImageShape image_info(std::string_view bytes, const std::string& name) {
  const std::string_view format = check_format(bytes, name);
  if (format == "JPEG") check_jpeg(bytes, name);  // tables may stand before the size
  Input input{bytes};
  int width = 0, height = 0, channels = 0;
  if (stbi_info_from_callbacks(&kCallbacks, &input, &width, &height, &channels) == 0)
    refuse(input, format, name);
  const ImageShape image{channels, height, width};
  check_size(image, bytes.size(), name);
  return image;
}

RawImage decode_image(std::string_view bytes, const std::string& name, int64_t channels) {
  DLB_CHECK(channels == 1 || channels == 3);
  const std::string_view format = check_format(bytes, name);
  if (format == "PNG") check_png(bytes, name);
  image_info(bytes, name);

  Input input{bytes};
  int width = 0, height = 0, have = 0;
  RawImage image;
  image.pixels.reset(stbi_load_from_callbacks(&kCallbacks, &input, &width, &height, &have, 0));
  if (image.pixels == nullptr || input.overrun) refuse(input, format, name);
  image.shape = {channels, height, width};
  if (have == channels) return image;

  const int64_t pixels = int64_t{height} * width;
  RawImage converted;
  converted.shape = image.shape;
  converted.pixels.reset(static_cast<uint8_t*>(std::malloc(static_cast<size_t>(pixels * channels))));
  if (converted.pixels == nullptr)
    fail(ErrorKind::kIo, "cannot read '{}': no memory for its {} x {} pixels", name, width, height);
  to_channels(image.pixels.get(), have, converted.pixels.get(), channels, pixels);
  return converted;
}

}  // namespace dlb::data
