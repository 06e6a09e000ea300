#pragma once
/// \file Zip archives made by hand, entries stored or deflated.

#include <zlib.h>

#include <string>
#include <utility>
#include <vector>

#include "data/wav_support.h"

namespace dlb::test {

struct ZipEntry {
  std::string name;
  std::string content;
  bool deflated = false;
  uint64_t flags = 0;
};

inline std::string raw_deflate(const std::string& content) {
  z_stream z{};
  deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, content.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  z.avail_in = static_cast<uInt>(content.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

inline std::string zip_bytes(const std::vector<ZipEntry>& entries) {
  std::string files, directory;
  for (const ZipEntry& e : entries) {
    const std::string stored = e.deflated ? raw_deflate(e.content) : e.content;
    const uLong crc =
        crc32(0, reinterpret_cast<const Bytef*>(e.content.data()), static_cast<uInt>(e.content.size()));
    std::string common = little_bytes(20, 2) + little_bytes(e.flags, 2) + little_bytes(e.deflated ? 8 : 0, 2);
    common += little_bytes(0, 4) + little_bytes(crc, 4) + little_bytes(stored.size(), 4);
    common += little_bytes(e.content.size(), 4) + little_bytes(e.name.size(), 2) + little_bytes(0, 2);
    directory += "PK\1\2" + little_bytes(20, 2) + common + little_bytes(0, 10) +
                 little_bytes(files.size(), 4) + e.name;
    files += "PK\3\4" + common + e.name + stored;
  }
  std::string end =
      "PK\5\6" + little_bytes(0, 4) + little_bytes(entries.size(), 2) + little_bytes(entries.size(), 2);
  end += little_bytes(directory.size(), 4) + little_bytes(files.size(), 4) + little_bytes(0, 2);
  return files + directory + end;
}

}  // namespace dlb::test
