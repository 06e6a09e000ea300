#pragma once
/// \file Sound in WAV files, decoded from memory.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace dlb::data {

/// What the header of a WAV file says.
struct WavInfo {
  int64_t rate = 0;      ///< frames per second
  int64_t channels = 0;  ///< values in a frame
  int64_t frames = 0;
  int bits = 0;         ///< of a value: 8, 16, 24, 32 (PCM), 32 or 64 (floats)
  bool floats = false;  ///< IEEE floats instead of integers
  std::string_view data;
};

/// Reads the header; `data` is the part of `bytes` that holds the frames. `name` stands for the file in
/// messages. Errors: data (no WAV file, cut off, sizes that contradict each other), unsupported (a compressed
/// or unusual encoding).
WavInfo wav_info(std::string_view bytes, const std::string& name);

/// The sound as one channel, the mean of all: integers divided by 2^(bits - 1), so in [-1, 1). Errors: as
/// wav_info; data, for values that are not finite.
std::vector<float> decode_wav(std::string_view bytes, const std::string& name);

/// Frames [first, first + count) of the sound that `info` describes, as one channel.
void read_frames(const WavInfo& info, int64_t first, int64_t count, float* out);

}  // namespace dlb::data
