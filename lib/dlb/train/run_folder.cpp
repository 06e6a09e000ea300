#include "dlb/train/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

#include "dlb/base/error.h"
#include "dlb/base/files.h"
#include "dlb/base/log.h"
#include "dlb/train/device_choice.h"

namespace dlb::train {
namespace {

constexpr const char* kLockFile = ".lock";

/// Locks the run and writes the process' number into the lock file, for the message of whoever comes second.
int lock_folder(const std::string& path) {
  const std::string name = files::join(path, kLockFile);
  const int fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) fail(ErrorKind::kIo, "cannot lock run folder '{}': {}", path, std::strerror(errno));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int code = errno;
    char owner[32] = {};
    const ssize_t n = ::read(fd, owner, sizeof owner - 1);
    ::close(fd);
    if (code != EWOULDBLOCK)
      fail(ErrorKind::kIo, "cannot lock run folder '{}': {}", path, std::strerror(code));
    throw Error(ErrorKind::kIo,
                fmt::format("run folder '{}' is in use by another process{}", path,
                            n > 0 ? fmt::format(" (number {})", owner) : std::string()),
                {}, "wait until it ends, or choose another folder with --out");
  }
  const std::string self = std::to_string(::getpid());
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, self.data(), self.size(), 0) < 0) {
    log::warning("cannot write '{}': {}", name, std::strerror(errno));  // the lock itself holds
  }
  return fd;
}

/// "NAME.tmp-PID-N", as files.h names what is not finished.
bool is_temporary(const std::string& name) {
  const size_t at = name.rfind(".tmp-");
  return at != std::string::npos && name.find_first_not_of("0123456789-", at + 5) == std::string::npos;
}

void remove_temporaries(const std::string& folder) {
  for (const std::string& name : files::list(folder)) {
    if (is_temporary(name)) files::remove_all(files::join(folder, name));
  }
}

/// mkdir that tells whether the folder is new: the one call that decides between two processes.
bool make_new_folder(const std::string& path) {
  if (::mkdir(path.c_str(), 0777) == 0) return true;
  if (errno == EEXIST) return false;
  fail(ErrorKind::kIo, "cannot create run folder '{}': {}", path, std::strerror(errno));
}

/// N of "NAME-N", 0 for any other text.
int64_t number_of(std::string_view folder, std::string_view name) {
  if (folder.size() < name.size() + 2 || !folder.starts_with(name) || folder[name.size()] != '-') return 0;
  folder.remove_prefix(name.size() + 1);
  int64_t n = 0;
  const auto [end, error] = std::from_chars(folder.data(), folder.data() + folder.size(), n);
  return error == std::errc() && end == folder.data() + folder.size() ? n : 0;
}

}  // namespace

RunFolder RunFolder::create(const std::string& runs, const std::string& name) {
  files::make_folders(runs);
  for (int64_t n = 1;; ++n) {
    std::string path = files::join(runs, fmt::format("{}-{}", name, n));
    if (!make_new_folder(path)) continue;
    const int lock = lock_folder(path);
    return RunFolder(std::move(path), lock);
  }
}

RunFolder RunFolder::create_at(const std::string& path) {
  files::make_folders(path);
  const int lock = lock_folder(path);
  RunFolder folder(path, lock);
  for (const std::string& name : files::list(path)) {
    if (name == kLockFile) continue;
    throw Error(ErrorKind::kConfig,
                fmt::format("--out '{}': the folder is not empty (it has '{}')", path, name), {},
                is_run_folder(path) ? "add --resume to go on with that run, or name another folder"
                                    : "name another folder");
  }
  return folder;
}

RunFolder RunFolder::reopen(const std::string& path) {
  // A process killed right at its start has left an empty folder; anything else without a config is not ours
  // to touch.
  for (const std::string& name : files::list(path)) {
    if (is_run_folder(path) || name == kLockFile || name == "log.txt" || is_temporary(name)) continue;
    throw Error(ErrorKind::kConfig,
                fmt::format("'{}' is not a run folder: it has '{}' but no config.yaml", path, name));
  }
  const int lock = lock_folder(path);
  RunFolder folder(path, lock);
  remove_temporaries(path);
  remove_temporaries(folder.checkpoints());
  return folder;
}

std::string RunFolder::latest(const std::string& runs, const std::string& name) {
  std::string best;
  int64_t largest = 0;
  for (const std::string& entry : files::list(runs)) {
    const int64_t n = number_of(entry, name);
    std::string path = files::join(runs, entry);
    if (n <= largest || !files::is_folder(path)) continue;
    largest = n;
    best = std::move(path);
  }
  return best;
}

RunFolder::~RunFolder() {
  if (lock_ >= 0) ::close(lock_);
}

RunFolder::RunFolder(RunFolder&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

std::string RunFolder::file(const char* name) const { return files::join(path_, name); }

bool is_run_folder(const std::string& path) { return files::exists(files::join(path, "config.yaml")); }
bool is_checkpoint_folder(const std::string& path) { return files::exists(files::join(path, "state.json")); }

std::string run_of_checkpoint(const std::string& checkpoint) {
  const std::string run = files::parent(files::parent(canonical_path(checkpoint)));
  if (run.empty() || !is_run_folder(run)) return {};
  const std::string as_given = files::parent(files::parent(checkpoint));
  return !as_given.empty() && canonical_path(as_given) == run ? as_given : run;
}

}  // namespace dlb::train
