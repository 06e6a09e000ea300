#include "dlb/data/wav.h"

#include <cmath>
#include <cstring>

#include "data/data_support.h"
#include "data/wav_support.h"

using namespace dlb;
using namespace dlb::test;
using Catch::Matchers::Contains;

namespace {

std::string wav_report(const std::string& bytes) {
  return report_of([&] { data::decode_wav(bytes, "x.wav"); });
}

}  // namespace

TEST_CASE("WAV files of every width have the values that were written") {
  CHECK(data::decode_wav(wav_bytes(1, 16, 1, 8000, std::string("\x00\x40\x00\x80\xff\x7f", 6)), "x") ==
        std::vector<float>{0.5F, -1.0F, 32767.0F / 32768.0F});
  CHECK(data::decode_wav(wav_bytes(1, 8, 1, 8000, std::string("\x80\x00\xff\xc0", 4)), "x") ==
        std::vector<float>{0, -1, 127.0F / 128, 0.5F});
  CHECK(data::decode_wav(wav_bytes(1, 24, 1, 8000, std::string("\x00\x00\x20\x00\x00\x80\x01\x00\x00", 9)),
                         "x") == std::vector<float>{0.25F, -1, 0x1p-23F});
  CHECK(data::decode_wav(wav_bytes(1, 32, 1, 8000, std::string("\x00\x00\x00\xc0\x00\x00\x00\x10", 8)),
                         "x") == std::vector<float>{-0.5F, 0.125F});
  const float floats[] = {0.75F, -2.5F};
  const double doubles[] = {0.75, -2.5};
  const std::vector<float> same(std::begin(floats), std::end(floats));
  CHECK(data::decode_wav(wav_bytes(3, 32, 1, 8000, {reinterpret_cast<const char*>(floats), 8}), "x") == same);
  CHECK(data::decode_wav(wav_bytes(3, 64, 1, 8000, {reinterpret_cast<const char*>(doubles), 16}), "x") ==
        same);
  // Two channels become their mean.
  CHECK(data::decode_wav(wav_bytes(1, 16, 2, 8000, std::string("\x00\x40\x00\x20\x00\xc0\x00\x40", 8)),
                         "x") == std::vector<float>{0.375F, 0});
}

TEST_CASE("the header says rate, channels and length, other chunks are passed over") {
  const std::string bytes = wav_bytes(1, 16, 2, 44100, std::string(12, '\1'), "LIST", "abc");
  const data::WavInfo info = data::wav_info(bytes, "x");
  CHECK(info.rate == 44100);
  CHECK(info.channels == 2);
  CHECK(info.frames == 3);
  CHECK(info.bits == 16);
  float part[1];
  data::read_frames(
      data::wav_info(wav_bytes(1, 16, 1, 8000, std::string("\x00\x40\x00\x20\x00\x10", 6)), "x"), 1, 1, part);
  CHECK(part[0] == 0.25F);
}

TEST_CASE("a WAV file cut off anywhere is an error of the data") {
  const std::string bytes = wav_bytes(1, 16, 1, 8000, std::string(20, '\7'), "LIST", "abcd");
  size_t refused = 0;
  for (size_t length = 0; length < bytes.size(); ++length) {
    const std::vector<char> part(bytes.begin(), bytes.begin() + static_cast<int64_t>(length));
    try {
      data::decode_wav({part.data(), part.size()}, "x.wav");
    } catch (const Error& e) {
      if (e.kind == ErrorKind::kData && e.message.find("x.wav") != std::string::npos) ++refused;
    }
  }
  CHECK(refused == bytes.size());
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int value = 0; value < 256; ++value) {
      std::vector<char> changed(bytes.begin(), bytes.end());
      changed[at] = static_cast<char>(value);
      try {
        data::decode_wav({changed.data(), changed.size()}, "x.wav");
      } catch (const Error& e) {
        REQUIRE((e.kind == ErrorKind::kData || e.kind == ErrorKind::kUnsupported));
      }
    }
  }
}

TEST_CASE("WAV files that are not read say why") {
  CHECK_THAT(wav_report("<html>not found</html>"),
             Contains("'x.wav' is no WAV file: expected it to begin with RIFF and WAVE"));
  CHECK_THAT(
      wav_report(wav_bytes(2, 4, 1, 8000, "ab")),
      Contains("'x.wav' holds ADPCM sound (WAV format code 2); only PCM (1) and float (3) are supported"));
  CHECK_THAT(wav_report(wav_bytes(1, 12, 1, 8000, "ab")),
             Contains("holds 12-bit PCM values; expected 8, 16, 24 or 32"));
  CHECK_THAT(wav_report(wav_bytes(3, 16, 1, 8000, "ab")),
             Contains("holds 16-bit float values; expected 32 or 64"));
  CHECK_THAT(wav_report(wav_bytes(1, 16, 0, 8000, "ab")),
             Contains("says it has 0 channels; expected 1 to 64"));
  CHECK_THAT(wav_report(wav_bytes(1, 16, 1, 0, "ab")), Contains("sample rate of 0"));
  CHECK_THAT(wav_report(wav_bytes(1, 16, 1, 8000, "abc")), Contains("no whole number of frames of 2 bytes"));
  const float nan = std::nanf("");
  CHECK_THAT(wav_report(wav_bytes(3, 32, 1, 8000, {reinterpret_cast<const char*>(&nan), 4})),
             Contains("frame 0: the value is not finite"));
}
