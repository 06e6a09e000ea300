#include "dlb/data/image_decode.h"

#include "data/data_support.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

std::string golden_image(const std::string& name) {
  return files::read_all(std::string(DLB_SOURCE_DIR) + "/tests/golden/images/" + name);
}

/// A PGM or PPM file, as Pillow writes it.
std::vector<int> portable_map(const std::string& name, int64_t& height, int64_t& width) {
  const std::string text = golden_image(name);
  size_t at = 3;
  const auto number = [&] {
    size_t used = 0;
    const int64_t n = std::stoll(text.substr(at), &used);
    at += used + 1;
    return n;
  };
  width = number();
  height = number();
  number();
  std::vector<int> values;
  for (; at < text.size(); ++at) values.push_back(static_cast<uint8_t>(text[at]));
  return values;
}

std::vector<int> pixels_of(const data::RawImage& image) {
  return {image.pixels.get(), image.pixels.get() + image.shape.values()};
}

std::string decode_report(const std::string& bytes) {
  return report_of([&] { data::decode_image(bytes, "x.png", 3); });
}

const char* const kImages[] = {"rgb.png",         "grey.png",        "alpha.png",       "palette.png",
                               "bits.png",        "deep.png",        "rgb.bmp",         "grey.bmp",
                               "colours_444.jpg", "colours_420.jpg", "progressive.jpg", "grey.jpg"};

}  // namespace

TEST_CASE("images have the pixels that Pillow reads") {
  for (const std::string name : kImages) {
    INFO(name);
    const std::string bytes = golden_image(name);
    // libjpeg rounds its inverse transform, its colours and its smooth upsampling of them differently.
    const int most = name.ends_with(".jpg") ? 4 : 0;
    for (const int64_t channels : {1, 3}) {
      int64_t height = 0, width = 0;
      const std::vector<int> expected = portable_map(name + (channels == 1 ? ".pgm" : ".ppm"), height, width);
      const data::RawImage image = data::decode_image(bytes, name, channels);
      CHECK(image.shape.height == height);
      CHECK(image.shape.width == width);
      CHECK(image.shape.channels == channels);
      const std::vector<int> got = pixels_of(image);
      REQUIRE(got.size() == expected.size());
      int worst = 0;
      double sum = 0;
      for (size_t i = 0; i < got.size(); ++i) {
        worst = std::max(worst, std::abs(got[i] - expected[i]));
        sum += std::abs(got[i] - expected[i]);
      }
      CHECK(worst <= most);
      CHECK(sum / static_cast<double>(got.size()) < 0.6);
    }
    CHECK(data::image_info(bytes, name).channels ==
          (name.starts_with("alpha") ? 4
           : name.starts_with("grey") || name.starts_with("bits") || name.starts_with("deep")
               ? (name.ends_with(".bmp") ? 3 : 1)
               : 3));
  }
}

TEST_CASE("an image cut off anywhere is an error of the data") {
  for (const std::string name : kImages) {
    const std::string bytes = golden_image(name);
    size_t refused = 0;
    for (size_t length = 0; length < bytes.size(); ++length) {
      // A copy of exactly that size, so that the sanitizers see any step behind the end.
      const std::vector<char> part(bytes.begin(), bytes.begin() + static_cast<int64_t>(length));
      try {
        data::decode_image({part.data(), part.size()}, name, 3);
      } catch (const Error& e) {
        if (e.kind == ErrorKind::kData && e.message.find(name) != std::string::npos) ++refused;
      }
    }
    INFO(name);
    CHECK(refused == bytes.size());
  }
}

TEST_CASE("an image with any byte changed is read or refused, never a crash") {
  for (const std::string name : kImages) {
    const std::string bytes = golden_image(name);
    size_t accepted = 0, refused = 0;
    for (size_t at = 0; at < bytes.size(); ++at) {
      for (const int mask : {0x01, 0x80, 0xFF}) {
        std::vector<char> changed(bytes.begin(), bytes.end());
        changed[at] = static_cast<char>(changed[at] ^ mask);
        try {
          data::decode_image({changed.data(), changed.size()}, name, 1);
          ++accepted;
        } catch (const Error& e) {
          CHECK((e.kind == ErrorKind::kData || e.kind == ErrorKind::kUnsupported));
          ++refused;
        }
      }
    }
    INFO(name);
    CHECK(refused > 0);
    // Every byte of a PNG is covered by a checksum, except those checksums' own lengths.
    if (name.ends_with(".png")) CHECK(accepted == 0);
  }
}

TEST_CASE("files that are no images say what they are") {
  CHECK_THAT(decode_report(""), Contains("image 'x.png' is an empty file"));
  CHECK_THAT(decode_report("<html>not found</html>"),
             Contains("'x.png' is no image: expected the beginning of a JPEG, PNG or BMP file"));
  CHECK_THAT(decode_report("GIF89a....."), Contains("is a GIF file; only JPEG, PNG and BMP are supported"));
  CHECK_THAT(decode_report(std::string("RIFF\1\2\3\4WEBPVP8 ", 16)), Contains("is a WebP file"));
  CHECK(data::is_image_name("a/B.JPeG"));
  CHECK_FALSE(data::is_image_name("a.txt"));
}

TEST_CASE("a small file that claims to be a large image is refused") {
  // The header of a BMP of 30000 x 30000 pixels.
  std::string bmp = golden_image("rgb.bmp").substr(0, 54);
  const auto set = [&](size_t at, uint32_t value) {
    for (size_t i = 0; i < 4; ++i) bmp[at + i] = static_cast<char>(value >> (8 * i));
  };
  set(18, 30000);
  set(22, 30000);
  CHECK_THAT(decode_report(bmp),
             Contains("image 'x.png' has 30000 x 30000 pixels, more than the 67108864 that are read"));
  set(18, 8000);
  set(22, 8000);
  CHECK_THAT(decode_report(bmp), Contains("54 bytes cannot hold 8000 x 8000 pixels"));
  set(18, 0);
  CHECK_THAT(decode_report(bmp), Contains("0 x 8000 pixels"));
}

TEST_CASE("a JPEG whose Huffman table has too many codes is refused, also before its size is known") {
  std::string jpeg("\xff\xd8\xff\xc4\x00\x13\x00", 7);
  jpeg += std::string(16, '\xff') + golden_image("grey.jpg").substr(2);
  const std::string expected = "a Huffman table of its JPEG data has 4080 codes";
  CHECK_THAT(decode_report(jpeg), Contains(expected));
  CHECK_THAT(report_of([&] { data::image_info(jpeg, "x.jpg"); }), Contains(expected));
}

TEST_CASE("a JPEG without the tables that it uses is the same each time") {
  for (const std::string name : {"grey.jpg", "progressive.jpg", "colours_420.jpg"}) {
    std::string jpeg = golden_image(name);
    // Huffman tables become application data, which decoders pass over.
    for (size_t at = 0; (at = jpeg.find("\xff\xc4", at)) != std::string::npos;) jpeg[at + 1] = '\xec';
    const auto outcome = [&] {
      try {
        return pixels_of(data::decode_image(jpeg, name, 3));
      } catch (const Error& e) {
        CHECK(e.kind == ErrorKind::kData);
        return std::vector<int>{};
      }
    };
    CHECK(outcome() == outcome());
  }
}
