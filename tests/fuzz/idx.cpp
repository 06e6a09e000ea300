/// \file IDX files, plain and compressed by gzip.

#include "dlb/data/idx.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  using namespace dlb;
  const std::string_view bytes = fuzz::text_of(input, size);
  fuzz::taken([&] {
    const data::IdxFile file = data::read_idx(data::ByteStream::memory("input", bytes));
    FUZZ_REQUIRE(!file.header.dims.empty() && file.header.dims.size() <= 4 && file.md5.size() == 32);
    fuzz::touch({reinterpret_cast<const char*>(file.values()), file.header.values});
  });
  return 0;
}
