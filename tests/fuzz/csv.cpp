/// \file Tables of text. The first byte chooses the format, the rest is the file.

#include "dlb/data/csv_reader.h"
#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  using namespace dlb;
  if (size == 0) return 0;
  const std::string delimiters[] = {",", "\t", "whitespace", "::"};
  const data::CsvFormat format{delimiters[input[0] & 3U], (input[0] & 4U) == 0, (input[0] & 8U) == 0};
  const std::string_view bytes = fuzz::text_of(input + 1, size - 1);
  fuzz::taken([&] {
    data::CsvReader reader(data::ByteStream::memory("input", bytes), format);
    uint64_t end = 0;
    while (reader.next()) {
      FUZZ_REQUIRE(reader.offset() >= end);
      end = reader.offset() + reader.record().size();
      fuzz::touch(reader.record());
      for (const std::string_view field : reader.fields()) {
        fuzz::touch(field);
        double number = 0;
        int64_t whole = 0;
        if (data::parse_number(field, number)) FUZZ_REQUIRE(number - number == 0);
        data::parse_whole(field, whole);
      }
    }
  });
  return 0;
}
