/// \file Files of arrays: npy, npz (a ZIP archive of them) and what else open_arrays() takes.

#include <algorithm>
#include <vector>

#include "dlb/io/arrays.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace dlb;
  static fuzz::MemoryFile memory;
  std::vector<io::Array> arrays;
  if (!fuzz::taken([&] { arrays = io::open_arrays(memory.with(fuzz::text_of(data, size))); })) return 0;
  for (const io::Array& array : arrays) {
    const int64_t rows = array.shape.empty() ? 1 : array.shape[0];
    const size_t row = array.row_bytes();
    // What was opened has all its bytes, here or deflated, so rows are as many as these.
    const size_t bytes = static_cast<size_t>(rows) * row;
    FUZZ_REQUIRE(row == 0 || bytes / row == static_cast<size_t>(rows));
    if (bytes == 0) continue;
    std::vector<char> raw(bytes);
    if (!fuzz::taken([&] { array.bytes->read(raw.data(), bytes, 0); })) continue;
    const int64_t count = static_cast<int64_t>(bytes) / array.type.bytes;
    std::vector<char> values(static_cast<size_t>(count) * dtype_size(array.type.natural()));
    if (fuzz::taken(
            [&] { convert_elements(array.type, raw.data(), array.type.natural(), values.data(), count); }))
      fuzz::touch({values.data(), values.size()});
  }
  return 0;
}
