#include "dlb/data/wav.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "dlb/base/error.h"

namespace dlb::data {

namespace {

constexpr int kPcm = 1, kFloat = 3, kExtensible = 0xFFFE;
constexpr int64_t kMaxChannels = 64;

uint32_t little_endian(std::string_view bytes, size_t at, size_t count) {
  uint32_t value = 0;
  for (size_t i = count; i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

std::string_view encoding_name(uint32_t code) {
  switch (code) {
    case 2:
      return "ADPCM";
    case 6:
      return "A-law";
    case 7:
      return "mu-law";
    case 0x11:
      return "IMA ADPCM";
    case 0x55:
      return "MP3";
    default:
      return "an unknown";
  }
}

void read_format(std::string_view chunk, const std::string& name, WavInfo& info) {
  if (chunk.size() < 16) {
    fail(ErrorKind::kData, "'{}' is no WAV file: its format chunk has {} bytes; expected 16 or more", name,
         chunk.size());
  }
  uint32_t code = little_endian(chunk, 0, 2);
  info.channels = little_endian(chunk, 2, 2);
  info.rate = little_endian(chunk, 4, 4);
  const uint32_t align = little_endian(chunk, 12, 2);
  info.bits = static_cast<int>(little_endian(chunk, 14, 2));
  // The true encoding of the extensible form is the beginning of its sub-format.
  if (code == kExtensible && chunk.size() >= 26) code = little_endian(chunk, 24, 2);
  info.floats = code == kFloat;
  if (code != kPcm && code != kFloat) {
    fail(ErrorKind::kUnsupported,
         "'{}' holds {} sound (WAV format code {}); only PCM (1) and float (3) are supported", name,
         encoding_name(code), code);
  }
  const bool known = info.floats ? info.bits == 32 || info.bits == 64
                                 : info.bits == 8 || info.bits == 16 || info.bits == 24 || info.bits == 32;
  if (!known) {
    fail(ErrorKind::kUnsupported, "'{}' holds {}-bit {} values; expected {}", name, info.bits,
         info.floats ? "float" : "PCM", info.floats ? "32 or 64" : "8, 16, 24 or 32");
  }
  if (info.channels < 1 || info.channels > kMaxChannels) {
    fail(ErrorKind::kData, "'{}' says it has {} channels; expected 1 to {}", name, info.channels,
         kMaxChannels);
  }
  if (info.rate < 1) fail(ErrorKind::kData, "'{}' says it has a sample rate of 0", name);
  if (align != static_cast<uint32_t>(info.channels * info.bits / 8)) {
    fail(ErrorKind::kData, "'{}' says a frame has {} bytes; expected {} for {} channels of {} bits", name,
         align, info.channels * info.bits / 8, info.channels, info.bits);
  }
}

}  // namespace

WavInfo wav_info(std::string_view bytes, const std::string& name) {
  constexpr size_t kHeader = 12;
  if (bytes.size() < kHeader) {
    fail(ErrorKind::kData, "'{}' is cut off or no WAV file: expected 12 bytes of RIFF header, found {}", name,
         bytes.size());
  }
  if (!bytes.starts_with("RIFF") || bytes.substr(8, 4) != "WAVE") {
    fail(ErrorKind::kData, "'{}' is no WAV file: expected it to begin with RIFF and WAVE", name);
  }
  WavInfo info;
  size_t at = kHeader;
  while (true) {
    if (bytes.size() - at < 8) {
      fail(ErrorKind::kData, "'{}' is cut off: it ends after {} bytes without {}", name, bytes.size(),
           info.bits == 0 ? "a format chunk" : "a data chunk");
    }
    const std::string_view id = bytes.substr(at, 4);
    const uint64_t size = little_endian(bytes, at + 4, 4);
    at += 8;
    if (size > bytes.size() - at) {
      fail(ErrorKind::kData, "'{}' is cut off: expected {} bytes of its chunk '{}', found {}", name, size,
           id == "data" || id == "fmt " ? id : "?", bytes.size() - at);
    }
    const std::string_view chunk = bytes.substr(at, size);
    if (id == "fmt ") read_format(chunk, name, info);
    if (id == "data") {
      if (info.bits == 0) fail(ErrorKind::kData, "'{}' has no format chunk before its data", name);
      const uint64_t frame = static_cast<uint64_t>(info.channels * info.bits / 8);
      if (size % frame != 0) {
        fail(ErrorKind::kData, "'{}' has {} bytes of data, which is no whole number of frames of {} bytes",
             name, size, frame);
      }
      info.frames = static_cast<int64_t>(size / frame);
      info.data = chunk;
      return info;
    }
    // Chunks begin at even places.
    at += size;
    if (size % 2 != 0 && at < bytes.size()) ++at;
  }
}

void read_frames(const WavInfo& info, int64_t first, int64_t count, float* out) {
  const size_t width = static_cast<size_t>(info.bits) / 8;
  const float inverse = 1.0F / static_cast<float>(info.channels);
  size_t at = static_cast<size_t>(first * info.channels) * width;
  const auto value = [&]() -> float {
    const size_t here = at;
    at += width;
    if (info.floats && width == 8) {
      const uint64_t low = little_endian(info.data, here, 4), high = little_endian(info.data, here + 4, 4);
      return static_cast<float>(std::bit_cast<double>(high << 32 | low));
    }
    const uint32_t raw = little_endian(info.data, here, width);
    if (info.floats) return std::bit_cast<float>(raw);
    if (width == 1) return (static_cast<float>(raw) - 128.0F) / 128.0F;  // 8 bits are unsigned
    // The sign bit is moved to the top, so that one division serves all widths.
    return static_cast<float>(static_cast<int32_t>(raw << (32 - info.bits))) * 0x1p-31F;
  };
  for (int64_t i = 0; i < count; ++i) {
    float sum = 0;
    for (int64_t c = 0; c < info.channels; ++c) sum += value();
    out[i] = info.channels == 1 ? sum : sum * inverse;
  }
}

std::vector<float> decode_wav(std::string_view bytes, const std::string& name) {
  const WavInfo info = wav_info(bytes, name);
  std::vector<float> sound(static_cast<size_t>(info.frames));
  read_frames(info, 0, info.frames, sound.data());
  if (info.floats) {
    for (size_t i = 0; i < sound.size(); ++i) {
      if (!std::isfinite(sound[i])) fail(ErrorKind::kData, "'{}' frame {}: the value is not finite", name, i);
    }
  }
  return sound;
}

}  // namespace dlb::data
