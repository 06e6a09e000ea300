#include "dlb/base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "dlb/base/error.h"
#include "dlb/base/file_calls.h"

namespace dlb::files {

namespace fs = std::filesystem;

std::string read_all(const std::string& path, size_t limit) {
  const Descriptor file = Descriptor::open(path, O_RDONLY | O_CLOEXEC, "read");
  struct stat info {};
  if (fstat(file.fd(), &info) != 0) io_error("read", path, errno);
  if (S_ISDIR(info.st_mode)) io_error("read", path, EISDIR);
  const auto too_big = [&](const std::string& size) {
    fail(ErrorKind::kIo, "cannot read '{}': {} is more than the allowed {} bytes", path, size, limit);
  };
  if (info.st_size > 0 && static_cast<size_t>(info.st_size) > limit) {
    too_big(fmt::format("its size of {} bytes", info.st_size));
  }
  // The size is a hint only: a pipe or /proc file reports 0, and a file may grow while it is read.
  constexpr size_t kChunk = 64 << 10;
  std::string data(static_cast<size_t>(std::max<off_t>(info.st_size, 0)), '\0');
  size_t have = 0;
  while (true) {
    if (have == data.size()) {
      char probe = 0;
      const size_t got = file.read(&probe, 1);
      if (got == 0) break;
      if (have >= limit) too_big("its content");
      data.resize(std::min(limit, std::max(data.size() * 2, data.size() + kChunk)));
      data[have++] = probe;
      continue;
    }
    const size_t got = file.read(data.data() + have, data.size() - have);
    if (got == 0) break;
    have += got;
  }
  data.resize(have);
  return data;
}

void write_atomic(const std::string& path, std::string_view data) {
  const std::string temporary = temporary_name(path);
  try {
    Descriptor file = Descriptor::open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, "write");
    file.write(data);
    file.sync();
    file.close();
    const Descriptor folder = Descriptor::open_folder(parent(path));
    rename(temporary, path);
    folder.sync();
  } catch (...) {
    unlink(temporary.c_str());
    throw;
  }
}

Appender::Appender(const std::string& path)
    : path_(path),
      fd_(Descriptor::open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, "write").release()) {}

Appender::~Appender() {
  if (fd_ >= 0) ::close(fd_);
}

Appender::Appender(Appender&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

Appender& Appender::operator=(Appender&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  return *this;
}

void Appender::write(std::string_view text) {
  const off_t start = lseek(fd_, 0, SEEK_END);
  try {
    write_fully(fd_, path_, text);
  } catch (...) {
    // Half a record would corrupt the next one.
    if (start >= 0 && ftruncate(fd_, start) != 0) throw;
    throw;
  }
}

void Appender::sync() { sync_fd(fd_, path_); }

void make_folders(const std::string& path) {
  if (path.empty() || is_folder(path)) return;
  make_folders(parent(path));
  make_folder(path);
}

void remove_all(const std::string& path) {
  std::error_code status;
  fs::remove_all(path, status);
  if (status) io_error("remove", path, status.value());
}

bool exists(const std::string& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0;
}

bool is_folder(const std::string& path) {
  struct stat info {};
  return stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::vector<std::string> list(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code status;
  fs::directory_iterator it(folder, status);
  if (status == std::errc::no_such_file_or_directory) return names;
  for (; !status && it != fs::directory_iterator(); it.increment(status))
    names.push_back(it->path().filename().string());
  if (status) io_error("list", folder, status.value());
  std::sort(names.begin(), names.end());
  return names;
}

std::string join(std::string_view folder, std::string_view name) {
  if (folder.empty() || name.starts_with('/')) return std::string(name);
  std::string out(folder);
  if (out.back() != '/') out += '/';
  return out += name;
}

namespace {

std::string_view without_end_slashes(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  return path;
}

}  // namespace

std::string parent(std::string_view path) {
  path = without_end_slashes(path);
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos || path == "/") return {};
  return std::string(without_end_slashes(path.substr(0, std::max<size_t>(slash, 1))));
}

std::string base_name(std::string_view path) {
  path = without_end_slashes(path);
  const size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos || path == "/" ? path : path.substr(slash + 1));
}

}  // namespace dlb::files
