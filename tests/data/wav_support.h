#pragma once
/// \file WAV files made by hand.

#include <cstdint>
#include <string>

namespace dlb::test {

inline std::string little_bytes(uint64_t value, int count) {
  std::string out;
  for (int i = 0; i < count; ++i) out += static_cast<char>(i < 8 ? value >> (8 * i) & 255U : 0U);
  return out;
}

/// A WAV file; `extra` is a chunk between format and data.
inline std::string wav_bytes(int code, int bits, int channels, int rate, const std::string& data,
                             const std::string& extra_id = "", const std::string& extra = "") {
  const uint64_t frame = static_cast<uint64_t>(channels * bits / 8);
  std::string body = "WAVEfmt ";
  body += little_bytes(16, 4) + little_bytes(static_cast<uint64_t>(code), 2);
  body += little_bytes(static_cast<uint64_t>(channels), 2) + little_bytes(static_cast<uint64_t>(rate), 4);
  body += little_bytes(static_cast<uint64_t>(rate) * frame, 4) + little_bytes(frame, 2);
  body += little_bytes(static_cast<uint64_t>(bits), 2);
  if (!extra_id.empty()) {
    body += extra_id + little_bytes(extra.size(), 4) + extra;
    if (extra.size() % 2 != 0) body += '\0';
  }
  body += "data" + little_bytes(data.size(), 4) + data;
  return "RIFF" + little_bytes(body.size(), 4) + body;
}

}  // namespace dlb::test
