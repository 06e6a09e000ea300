#pragma once
/// \file The directory of a ZIP archive, for formats that are archives of arrays.
///
/// **Source**: PKWARE, APPNOTE.TXT, .ZIP File Format Specification: stored and deflated entries, ZIP64 sizes.

#include <cstdint>
#include <string>
#include <vector>

#include "dlb/base/random_file.h"

namespace dlb::io {

struct ZipEntry {
  std::string name;
  bool deflated = false;
  uint64_t offset = 0;  ///< of its data in the file
  uint64_t stored = 0;  ///< bytes of its data in the file
  uint64_t size = 0;    ///< bytes when inflated
  uint32_t crc = 0;
};

/// The entries in the directory's order; each lies within the file, and names are different. Errors: io, data
/// (no archive, cut off), unsupported (encrypted, other methods).
std::vector<ZipEntry> read_zip_directory(const files::RandomFile& file);
/// The bytes of an entry, verified by its checksum. Errors: io; data, when the content is not as the
/// directory says; unsupported above `limit`.
std::string read_zip_entry(const files::RandomFile& file, const ZipEntry& entry, uint64_t limit);

}  // namespace dlb::io
