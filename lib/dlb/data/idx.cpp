#include "dlb/data/idx.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <new>

#include "dlb/base/error.h"
#include "dlb/base/files.h"

namespace dlb::data {

namespace {

constexpr size_t kMagicBytes = 4;
constexpr size_t kMaxRank = 4;
/// No deflate stream inflates by more than this, so a header that claims more is wrong and nothing is
/// allocated for it.
constexpr uint64_t kMaxInflation = 1032;

std::string_view code_name(uint8_t code) {
  switch (code) {
    case 0x09:
      return "int8";
    case 0x0B:
      return "int16";
    case 0x0C:
      return "int32";
    case 0x0D:
      return "float32";
    case 0x0E:
      return "float64";
    default:
      return {};
  }
}

void check_magic(const std::string& name, const uint8_t* magic) {
  if (magic[0] != 0 || magic[1] != 0) {
    fail(ErrorKind::kData,
         "'{}' is no IDX file: expected it to begin with two zero bytes, found 0x{:02x} 0x{:02x}", name,
         magic[0], magic[1]);
  }
  if (!code_name(magic[2]).empty()) {
    fail(ErrorKind::kUnsupported,
         "'{}' holds {} values (IDX type code 0x{:02x}); only unsigned bytes (0x08) are supported", name,
         code_name(magic[2]), magic[2]);
  }
  if (magic[2] != 0x08) {
    fail(ErrorKind::kData, "'{}' has the unknown IDX type code 0x{:02x}; expected 0x08 (unsigned bytes)",
         name, magic[2]);
  }
  if (magic[3] < 1 || magic[3] > kMaxRank) {
    fail(ErrorKind::kData, "'{}' says it has {} dimensions; expected 1 to {}", name, magic[3], kMaxRank);
  }
}

[[noreturn]] void cut_off(const std::string& name, std::string_view what, uint64_t expected, uint64_t found) {
  fail(ErrorKind::kData, "'{}' is cut off: expected {} bytes{}, found {}", name, expected, what, found);
}

/// Reads the header into `raw`, which has room for the largest one.
IdxHeader parse_header(ByteStream& stream, uint8_t* raw) {
  const std::string& name = stream.name();
  const size_t got = stream.read(raw, kMagicBytes);
  if (got < kMagicBytes) cut_off(name, " of IDX header", kMagicBytes, got);
  check_magic(name, raw);

  IdxHeader header;
  const size_t rank = raw[3];
  header.bytes = kMagicBytes + 4 * rank;
  const size_t rest = stream.read(raw + kMagicBytes, 4 * rank);
  if (rest < 4 * rank) cut_off(name, " of IDX header", header.bytes, kMagicBytes + rest);

  header.values = 1;
  bool empty = false;
  bool overflow = false;
  for (size_t i = 0; i < rank; ++i) {
    const uint8_t* at = raw + kMagicBytes + 4 * i;
    const uint64_t size = uint64_t{at[0]} << 24 | uint64_t{at[1]} << 16 | uint64_t{at[2]} << 8 | at[3];
    header.dims.push_back(static_cast<int64_t>(size));
    if (size == 0) empty = true;
    overflow = __builtin_mul_overflow(header.values, std::max<uint64_t>(size, 1), &header.values) || overflow;
  }
  // Below 2^62, so that sums and int64 hold it.
  if (overflow || header.values >> 62 != 0) {
    fail(ErrorKind::kData, "'{}' says it holds an array {}, more than any file can", name,
         shape_text(header.dims));
  }
  if (empty) header.values = 0;
  return header;
}

[[noreturn]] void wrong_length(const std::string& name, const IdxHeader& header, uint64_t found) {
  const uint64_t expected = header.bytes + header.values;
  const std::string what = fmt::format(" for an array {}", shape_text(header.dims));
  if (found < expected) cut_off(name, what, expected, found);
  fail(ErrorKind::kData, "'{}' is too long: expected {} bytes{}, found more", name, expected, what);
}

void check_length(const ByteStream& stream, const IdxHeader& header) {
  const uint64_t stored = stream.stored_size();
  if (!stream.compressed()) {
    if (stored != header.bytes + header.values) wrong_length(stream.name(), header, stored);
    return;
  }
  if (header.values / kMaxInflation > stored) {
    fail(ErrorKind::kData,
         "'{}' is cut off or corrupt: {} stored bytes cannot inflate to the {} bytes of an array {}",
         stream.name(), stored, header.bytes + header.values, shape_text(header.dims));
  }
}

}  // namespace

IdxHeader read_idx_header(ByteStream& stream) {
  std::array<uint8_t, kMagicBytes + 4 * kMaxRank> raw{};
  IdxHeader header = parse_header(stream, raw.data());
  check_length(stream, header);
  return header;
}

IdxFile read_idx(ByteStream stream) {
  std::array<uint8_t, kMagicBytes + 4 * kMaxRank> head{};
  IdxFile file;
  file.header = parse_header(stream, head.data());
  check_length(stream, file.header);

  const size_t total = file.header.bytes + file.header.values;
  // Not value-initialised: the pages are touched once, by the data.
  file.raw.reset(new (std::nothrow) uint8_t[total]);
  if (file.raw == nullptr)
    fail(ErrorKind::kIo, "cannot read '{}': no memory for its {} bytes", stream.name(), total);
  std::memcpy(file.raw.get(), head.data(), file.header.bytes);
  const size_t got = stream.read(file.raw.get() + file.header.bytes, file.header.values);
  if (got < file.header.values) wrong_length(stream.name(), file.header, file.header.bytes + got);
  // Reading past the end also makes zlib verify the stream's own checksum.
  uint8_t extra = 0;
  if (stream.read(&extra, 1) != 0) wrong_length(stream.name(), file.header, total + 1);
  file.md5 = files::md5_hex({reinterpret_cast<const char*>(file.raw.get()), total});
  return file;
}

}  // namespace dlb::data
