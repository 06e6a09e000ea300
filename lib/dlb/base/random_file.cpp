#include "dlb/base/random_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "dlb/base/error.h"
#include "dlb/base/file_calls.h"

namespace dlb::files {

RandomFile::RandomFile(std::string path) : path_(std::move(path)) {
  Descriptor file = Descriptor::open(path_, O_RDONLY | O_CLOEXEC, "read");
  struct stat info {};
  if (::fstat(file.fd(), &info) != 0) io_error("read", path_, errno);
  if (!S_ISREG(info.st_mode)) fail(ErrorKind::kIo, "cannot read '{}': not a regular file", path_);
  size_ = static_cast<uint64_t>(info.st_size);
  fd_ = file.release();
}

RandomFile::~RandomFile() { ::close(fd_); }

void RandomFile::read(void* out, size_t bytes, uint64_t offset) const {
  constexpr size_t kMost = 1 << 30;
  char* to = static_cast<char*>(out);
  while (bytes > 0) {
    const ssize_t n = ::pread(fd_, to, std::min(bytes, kMost), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) io_error("read", path_, errno);
    if (n == 0)
      fail(ErrorKind::kData, "'{}' ends before byte {}: it has become shorter", path_, offset + bytes);
    to += n;
    bytes -= static_cast<size_t>(n);
    offset += static_cast<uint64_t>(n);
  }
}

}  // namespace dlb::files
