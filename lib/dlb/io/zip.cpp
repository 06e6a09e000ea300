#include "dlb/io/zip.h"

#include <zlib.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "dlb/base/error.h"

namespace dlb::io {

namespace {

constexpr uint64_t kEndBytes = 22, kLocalBytes = 30, kEntryBytes = 46, kMaxComment = 65535;
constexpr uint64_t kEnd64Bytes = 56, kLocator64Bytes = 20;
constexpr uint64_t kMaxDirectory = 256 << 20;
constexpr uint32_t kEscape = 0xFFFFFFFF;

/// Little-endian numbers of a text that is known to be long enough.
uint64_t number(std::string_view text, size_t at, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) value |= uint64_t{static_cast<uint8_t>(text[at + i])} << (8 * i);
  return value;
}

[[noreturn]] void broken(const files::RandomFile& file, const std::string& what) {
  fail(ErrorKind::kData, "'{}' is no intact ZIP archive: {}", file.path(), what);
}

std::string read_part(const files::RandomFile& file, uint64_t offset, uint64_t bytes) {
  std::string text(bytes, '\0');
  file.read(text.data(), bytes, offset);
  return text;
}

struct Directory {
  uint64_t offset = 0;
  uint64_t bytes = 0;
};

/// Where the directory stands, from the record at the end of the file.
Directory find_directory(const files::RandomFile& file) {
  const uint64_t size = file.size();
  if (size < kEndBytes) broken(file, fmt::format("{} bytes are too few", size));
  const uint64_t tail = std::min(size, kEndBytes + kMaxComment);
  const std::string text = read_part(file, size - tail, tail);
  const size_t end = text.rfind("PK\x05\x06");
  if (end == std::string::npos || end + kEndBytes > text.size())
    broken(file, "it has no directory at its end (cut off?)");
  Directory found{number(text, end + 16, 4), number(text, end + 12, 4)};
  const uint64_t end_at = size - tail + end;
  if (found.offset == kEscape || found.bytes == kEscape) {
    if (end_at < kLocator64Bytes) broken(file, "its ZIP64 directory is missing");
    const std::string locator = read_part(file, end_at - kLocator64Bytes, kLocator64Bytes);
    const uint64_t at = number(locator, 8, 8);
    if (!locator.starts_with("PK\x06\x07") || at > size || size - at < kEnd64Bytes)
      broken(file, "its ZIP64 directory is missing");
    const std::string record = read_part(file, at, kEnd64Bytes);
    if (!record.starts_with("PK\x06\x06")) broken(file, "its ZIP64 directory is missing");
    found = {number(record, 48, 8), number(record, 40, 8)};
  }
  if (found.bytes > size || found.offset > size - found.bytes)
    broken(file, "its directory lies outside of it");
  if (found.bytes > kMaxDirectory) broken(file, "its directory is larger than 256 MiB");
  return found;
}

/// Puts 8-byte sizes of a ZIP64 extra field where the entry has none.
void apply_zip64(std::string_view extra, ZipEntry& entry, uint64_t& local) {
  while (extra.size() >= 4) {
    const uint64_t id = number(extra, 0, 2), bytes = number(extra, 2, 2);
    if (bytes > extra.size() - 4) return;
    std::string_view body = extra.substr(4, bytes);
    if (id == 1) {
      for (uint64_t* value : {&entry.size, &entry.stored, &local}) {
        if (*value != kEscape) continue;
        if (body.size() < 8) return;
        *value = number(body, 0, 8);
        body.remove_prefix(8);
      }
      return;
    }
    extra.remove_prefix(4 + bytes);
  }
}

}  // namespace

std::vector<ZipEntry> read_zip_directory(const files::RandomFile& file) {
  const Directory where = find_directory(file);
  const std::string text = read_part(file, where.offset, where.bytes);
  std::string_view rest = text;
  std::vector<ZipEntry> entries;
  std::set<std::string> names;
  while (rest.size() >= kEntryBytes && rest.starts_with("PK\x01\x02")) {
    const uint64_t name = number(rest, 28, 2), extra = number(rest, 30, 2), comment = number(rest, 32, 2);
    if (name + extra + comment > rest.size() - kEntryBytes) broken(file, "its directory is cut off");
    ZipEntry entry;
    entry.name = std::string(rest.substr(kEntryBytes, name));
    const uint64_t method = number(rest, 10, 2);
    if ((number(rest, 8, 2) & 1U) != 0)
      fail(ErrorKind::kUnsupported, "'{}': entry '{}' is encrypted", file.path(), entry.name);
    if (method != 0 && method != 8) {
      fail(ErrorKind::kUnsupported,
           "'{}': entry '{}' is compressed by method {}; stored and deflated are read", file.path(),
           entry.name, method);
    }
    entry.deflated = method == 8;
    entry.crc = static_cast<uint32_t>(number(rest, 16, 4));
    entry.stored = number(rest, 20, 4);
    entry.size = number(rest, 24, 4);
    uint64_t local = number(rest, 42, 4);
    apply_zip64(rest.substr(kEntryBytes + name, extra), entry, local);
    if (local > file.size() || file.size() - local < kLocalBytes)
      broken(file, fmt::format("entry '{}' lies outside of it", entry.name));
    const std::string head = read_part(file, local, kLocalBytes);
    if (!head.starts_with("PK\x03\x04"))
      broken(file, fmt::format("entry '{}' is not where it should be", entry.name));
    entry.offset = local + kLocalBytes + number(head, 26, 2) + number(head, 28, 2);
    if (entry.offset > file.size() || entry.stored > file.size() - entry.offset)
      broken(file, fmt::format("entry '{}' lies outside of it", entry.name));
    if (!entry.deflated && entry.stored != entry.size)
      broken(file, fmt::format("entry '{}' has two sizes", entry.name));
    if (!names.insert(entry.name).second) broken(file, fmt::format("it has two entries '{}'", entry.name));
    entries.push_back(std::move(entry));
    rest.remove_prefix(kEntryBytes + name + extra + comment);
  }
  return entries;
}

std::string read_zip_entry(const files::RandomFile& file, const ZipEntry& entry, uint64_t limit) {
  if (entry.size > limit) {
    fail(ErrorKind::kUnsupported, "'{}': entry '{}' has {} bytes; at most {} are read", file.path(),
         entry.name, entry.size, limit);
  }
  std::string stored = read_part(file, entry.offset, entry.stored);
  std::string out;
  if (!entry.deflated) {
    out = std::move(stored);
  } else {
    // Deflate makes at most about 1032 bytes of one: a larger claim is wrong, and is not allocated.
    if (entry.size / 1040 > entry.stored)
      broken(file, fmt::format("entry '{}' cannot have {} bytes", entry.name, entry.size));
    out.resize(entry.size);
    z_stream z{};
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
      fail(ErrorKind::kIo, "cannot read '{}': no memory", file.path());
    size_t used = 0, made = 0;
    int state = Z_OK;
    while (state == Z_OK) {
      constexpr size_t kStep = 1 << 30;
      const auto in = static_cast<uInt>(std::min(kStep, stored.size() - used));
      const auto room = static_cast<uInt>(std::min(kStep, out.size() - made));
      z.next_in = reinterpret_cast<Bytef*>(stored.data()) + used;
      z.avail_in = in;
      z.next_out = reinterpret_cast<Bytef*>(out.data()) + made;
      z.avail_out = room;
      state = inflate(&z, Z_NO_FLUSH);
      used += in - z.avail_in;
      made += room - z.avail_out;
    }
    inflateEnd(&z);
    if (state != Z_STREAM_END || made != out.size())
      broken(file, fmt::format("entry '{}' does not inflate to the {} bytes that it should have", entry.name,
                               entry.size));
  }
  uLong crc = crc32(0, nullptr, 0);
  for (size_t at = 0; at < out.size(); at += 1 << 30) {
    crc = crc32(crc, reinterpret_cast<const Bytef*>(out.data()) + at,
                static_cast<uInt>(std::min<size_t>(1 << 30, out.size() - at)));
  }
  if (crc != entry.crc) broken(file, fmt::format("entry '{}' has the wrong checksum", entry.name));
  return out;
}

}  // namespace dlb::io
