#include "dlb/base/file_calls.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "dlb/base/error.h"
#include "dlb/base/files.h"

namespace dlb::files {
namespace {

FaultHook g_fault_hook;

constexpr int kShortWrite = -1;

/// What the test hook wants of this call: 0 to go on, an errno, or kShortWrite.
int fault(std::string_view call, const std::string& path) {
  return g_fault_hook ? g_fault_hook(call, path) : 0;
}

/// Repeats `call`, which returns -1 with errno set on failure, while it is interrupted; returns its result.
template <class F>
auto retried(std::string_view name, const std::string& path, const F& call) {
  while (true) {
    const int code = fault(name, path);
    if (code > 0) errno = code;
    const auto result = code > 0 ? -1 : call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

}  // namespace

void set_fault_hook(FaultHook hook) { g_fault_hook = std::move(hook); }

void io_error(std::string_view verb, const std::string& path, int code) {
  fail(ErrorKind::kIo, "cannot {} '{}': {}", verb, path, std::strerror(code));
}

std::string temporary_name(std::string_view path) {
  static std::atomic<unsigned> counter{0};
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  return fmt::format("{}.tmp-{}-{}", path, getpid(), counter++);
}

void write_fully(int fd, const std::string& path, std::string_view data) {
  while (!data.empty()) {
    const int code = fault("write", path);
    // One call moves at most about 2 GiB; the loop takes care of the rest.
    const size_t bytes = code == kShortWrite ? std::max<size_t>(data.size() / 2, 1) : data.size();
    if (code > 0) errno = code;
    const ssize_t written = code > 0 ? -1 : ::write(fd, data.data(), bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) io_error("write", path, written < 0 ? errno : EIO);
    data.remove_prefix(static_cast<size_t>(written));
  }
}

void sync_fd(int fd, const std::string& path) {
  if (retried("fsync", path, [&] { return ::fsync(fd); }) != 0) io_error("sync", path, errno);
}

void make_folder(const std::string& path) {
  if (retried("mkdir", path, [&] { return ::mkdir(path.c_str(), 0777); }) == 0) return;
  const int code = errno;
  if (code == EEXIST && is_folder(path)) return;
  io_error("create folder", path, code);
}

void rename(const std::string& from, const std::string& to) {
  if (retried("rename", to, [&] { return ::rename(from.c_str(), to.c_str()); }) != 0)
    io_error("rename to", to, errno);
}

bool swap_paths(const std::string& a, const std::string& b) {
  const auto call = [&] {
    return ::syscall(SYS_renameat2, AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE);
  };
  if (retried("rename", b, call) == 0) return true;
  if (errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP) return false;
  io_error("rename to", b, errno);
}

Descriptor Descriptor::open(const std::string& path, int flags, std::string_view verb) {
  const int fd = retried("open", path, [&] { return ::open(path.c_str(), flags, 0666); });
  if (fd < 0) io_error(verb, path, errno);
  return Descriptor(path, fd);
}

Descriptor Descriptor::open_folder(const std::string& path) {
  return open(path.empty() ? "." : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, "open folder");
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Descriptor::Descriptor(Descriptor&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

int Descriptor::release() { return std::exchange(fd_, -1); }

size_t Descriptor::read(char* out, size_t bytes) const {
  const ssize_t got = retried("read", path_, [&] { return ::read(fd_, out, bytes); });
  if (got < 0) io_error("read", path_, errno);
  return static_cast<size_t>(got);
}

void Descriptor::close() {
  // On Linux the descriptor is gone even after EINTR, so a retry could close another thread's file.
  if (::close(release()) != 0 && errno != EINTR) io_error("write", path_, errno);
}

}  // namespace dlb::files
