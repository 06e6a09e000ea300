/// \file Pictures: JPEG, PNG, BMP. A PNG's checksums are put right, or no change of one would come far.

#include <zlib.h>

#include "dlb/data/image_decode.h"
#include "fuzz.h"

namespace {

using namespace dlb;

/// Decoding takes time by the pixel; above this only the header is read.
constexpr int64_t kPixels = 1 << 18;

void decode(std::string_view bytes) {
  data::ImageShape shape;
  if (!fuzz::taken([&] { shape = data::image_info(bytes, "input"); })) return;
  FUZZ_REQUIRE(shape.height > 0 && shape.width > 0 && shape.channels >= 1 && shape.channels <= 4);
  if (shape.height * shape.width > kPixels) return;
  for (const int64_t channels : {1, 3}) {
    fuzz::taken([&] {
      const data::RawImage image = data::decode_image(bytes, "input", channels);
      FUZZ_REQUIRE(image.shape.height == shape.height && image.shape.width == shape.width);
      FUZZ_REQUIRE(image.shape.channels == channels);
      fuzz::touch({reinterpret_cast<const char*>(image.pixels.get()),
                   static_cast<size_t>(shape.height * shape.width * channels)});
    });
  }
}

uint32_t big_endian(const std::string& bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

void correct_checksums(std::string& png) {
  constexpr size_t kMagic = 8, kFrame = 12;
  for (size_t at = kMagic; png.size() - at >= kFrame;) {
    const size_t length = big_endian(png, at);
    if (length > png.size() - at - kFrame) return;
    uint32_t sum = static_cast<uint32_t>(
        crc32(0, reinterpret_cast<const Bytef*>(png.data()) + at + 4, static_cast<uInt>(length + 4)));
    for (size_t i = 4; i-- > 0; sum >>= 8) png[at + 8 + length + i] = static_cast<char>(sum & 0xFF);
    at += kFrame + length;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  std::string bytes(fuzz::text_of(input, size));
  decode(bytes);
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) {
    const std::string before = bytes;
    correct_checksums(bytes);
    if (bytes != before) decode(bytes);
  }
  return 0;
}
