#include "dlb/data/byte_stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

#include "dlb/base/error.h"
#include "dlb/base/file_calls.h"

namespace dlb::data {

namespace {

constexpr size_t kBuffer = 256 << 10;

}  // namespace

struct ByteStream::Impl {
  std::string name;
  std::optional<files::Descriptor> file;  ///< none: everything is in `pending`
  std::vector<char> buffer;
  std::string_view pending;  ///< stored bytes not yet consumed
  uint64_t stored = 0;
  bool compressed = false;
  bool in_member = false;  ///< inside a gzip member, whose checksum is still to come
  uint64_t produced = 0;
  z_stream zlib{};

  ~Impl() {
    if (compressed) inflateEnd(&zlib);
  }

  /// Whether there are stored bytes left.
  bool refill() {
    if (pending.empty() && file) pending = {buffer.data(), file->read(buffer.data(), buffer.size())};
    return !pending.empty();
  }

  void begin() {
    refill();
    if (!pending.starts_with("\x1f\x8b")) return;
    constexpr int kGzipFormat = 16;
    if (inflateInit2(&zlib, MAX_WBITS + kGzipFormat) != Z_OK) {
      fail(ErrorKind::kIo, "cannot read '{}': no memory to inflate it", name);
    }
    compressed = true;
    in_member = true;
  }

  size_t read_plain(char* out, size_t bytes) {
    size_t have = 0;
    while (have < bytes && refill()) {
      const size_t n = std::min(bytes - have, pending.size());
      std::memcpy(out + have, pending.data(), n);
      pending.remove_prefix(n);
      have += n;
    }
    return have;
  }

  size_t read_inflated(char* out, size_t bytes) {
    size_t have = 0;
    while (have < bytes) {
      const bool more = refill();
      if (!in_member) {
        if (!more) break;
        // A gzip file may consist of several members, one after the other.
        inflateReset(&zlib);
        in_member = true;
      }
      if (!more) {
        fail(ErrorKind::kData, "'{}' is cut off: its gzip stream ends after {} stored bytes ({} inflated)",
             name, stored, produced);
      }
      have += inflate_some(out + have, bytes - have);
    }
    return have;
  }

  size_t inflate_some(char* out, size_t bytes) {
    const size_t room = std::min<size_t>(bytes, std::numeric_limits<uInt>::max());
    const size_t stock = std::min<size_t>(pending.size(), std::numeric_limits<uInt>::max());
    zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(pending.data()));
    zlib.avail_in = static_cast<uInt>(stock);
    zlib.next_out = reinterpret_cast<Bytef*>(out);
    zlib.avail_out = static_cast<uInt>(room);
    const int status = inflate(&zlib, Z_NO_FLUSH);
    pending.remove_prefix(stock - zlib.avail_in);
    const size_t made = room - zlib.avail_out;
    produced += made;
    if (status == Z_STREAM_END) {
      in_member = false;
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      fail(ErrorKind::kData, "'{}' is corrupt: {} (gzip, after {} inflated bytes)", name,
           zlib.msg != nullptr ? zlib.msg : "bad stream", produced);
    }
    return made;
  }
};

ByteStream::ByteStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ByteStream::~ByteStream() = default;
ByteStream::ByteStream(ByteStream&&) noexcept = default;
ByteStream& ByteStream::operator=(ByteStream&&) noexcept = default;

ByteStream ByteStream::open(const std::string& path) {
  // Not blocking, so that a named pipe is an error below and no endless wait here.
  auto file = files::Descriptor::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, "read");
  struct stat info {};
  if (fstat(file.fd(), &info) != 0) files::io_error("read", path, errno);
  if (S_ISDIR(info.st_mode)) files::io_error("read", path, EISDIR);
  if (!S_ISREG(info.st_mode)) fail(ErrorKind::kIo, "cannot read '{}': it is no regular file", path);
  auto impl = std::make_unique<Impl>();
  impl->name = path;
  impl->stored = static_cast<uint64_t>(info.st_size);
  impl->file.emplace(std::move(file));
  impl->buffer.resize(std::clamp<size_t>(impl->stored, 1, kBuffer));
  impl->begin();
  return ByteStream(std::move(impl));
}

ByteStream ByteStream::memory(std::string name, std::string_view bytes) {
  auto impl = std::make_unique<Impl>();
  impl->name = std::move(name);
  impl->stored = bytes.size();
  impl->pending = bytes;
  impl->begin();
  return ByteStream(std::move(impl));
}

const std::string& ByteStream::name() const { return impl_->name; }
bool ByteStream::compressed() const { return impl_->compressed; }
uint64_t ByteStream::stored_size() const { return impl_->stored; }

size_t ByteStream::read(void* out, size_t bytes) {
  char* to = static_cast<char*>(out);
  return impl_->compressed ? impl_->read_inflated(to, bytes) : impl_->read_plain(to, bytes);
}

}  // namespace dlb::data
