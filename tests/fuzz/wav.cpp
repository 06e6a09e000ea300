/// \file Sound in WAV files.

#include "dlb/data/wav.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  using namespace dlb;
  const std::string_view bytes = fuzz::text_of(input, size);
  data::WavInfo info;
  const bool known = fuzz::taken([&] { info = data::wav_info(bytes, "input"); });
  const bool decoded = fuzz::taken([&] {
    const std::vector<float> sound = data::decode_wav(bytes, "input");
    FUZZ_REQUIRE(known && static_cast<int64_t>(sound.size()) == info.frames);
  });
  FUZZ_REQUIRE(known || !decoded);
  if (!known) return 0;
  FUZZ_REQUIRE(info.rate > 0 && info.channels > 0 && info.frames >= 0 && info.data.size() <= size);
  FUZZ_REQUIRE(info.data.empty() || (info.data.data() >= bytes.data() &&
                                     info.data.data() + info.data.size() <= bytes.data() + size));
  std::vector<float> part(static_cast<size_t>(info.frames - info.frames / 2));
  data::read_frames(info, info.frames / 2, info.frames - info.frames / 2, part.data());
  return 0;
}
