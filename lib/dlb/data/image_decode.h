#pragma once
/// \file Pictures in files: JPEG, PNG, BMP, decoded from memory.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "dlb/data/pixels.h"

namespace dlb::data {

/// Bytes of a decoded image, rows of pixels of channels.
struct RawImage {
  struct Free {
    void operator()(uint8_t* p) const { std::free(p); }
  };
  ImageShape shape;
  std::unique_ptr<uint8_t, Free> pixels;
};

/// Whether the name ends like a picture that decode_image reads: .jpg, .jpeg, .png, .bmp in any case.
bool is_image_name(std::string_view name);

/// The image's own size and number of channels (1 to 4), from its header. `name` stands for the file in
/// messages. Errors: data, unsupported.
ImageShape image_info(std::string_view bytes, const std::string& name);

/// The pixels as `channels` (1 or 3) bytes each: alpha is dropped, grey repeated, colours made grey by
///   L = (19595 R + 38470 G + 7471 B + 32768) / 65536  (ITU-R BT.601, as Pillow's convert("L")).
/// 16-bit samples keep their high byte. At most 2^26 pixels. Errors: data (no image, cut off, damaged, size
/// 0, too large), unsupported (another format, a feature of JPEG or PNG that is not read).
RawImage decode_image(std::string_view bytes, const std::string& name, int64_t channels);

}  // namespace dlb::data
