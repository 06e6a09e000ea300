#pragma once
/// \file The IDX format of the MNIST family: a typed array with its sizes in front.
///
/// Two zero bytes, a type code, the number of dimensions, each size as a big-endian uint32, then the values
/// row-major.
/// **Source**: Y. LeCun, "The MNIST database", section "File formats".

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "dlb/data/byte_stream.h"
#include "dlb/tensor/shape.h"

namespace dlb::data {

struct IdxHeader {
  Shape dims;           ///< 1 to 4 sizes, the first is the number of records
  size_t bytes = 0;     ///< of the header itself
  uint64_t values = 0;  ///< product of dims; of unsigned bytes

  int64_t records() const { return dims[0]; }
};

/// Reads the header; plain files are checked against their exact size here already.
/// Errors: data (no IDX, cut off, size that cannot be), unsupported (values that are not unsigned bytes).
IdxHeader read_idx_header(ByteStream& stream);

/// A whole file, in memory once.
struct IdxFile {
  IdxHeader header;
  std::unique_ptr<uint8_t[]> raw;  ///< header and values
  std::string md5;                 ///< of raw

  const uint8_t* values() const { return raw.get() + header.bytes; }
};

/// Reads everything. Errors: as read_idx_header; data when there are fewer or more values than the header
/// says.
IdxFile read_idx(ByteStream stream);

}  // namespace dlb::data
