#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

#include "dlb/base/error.h"
#include "dlb/base/file_calls.h"
#include "dlb/base/files.h"

namespace dlb::files {
namespace {

/// Syncs every file and folder below `folder`, then the folder itself; links are left alone.
void sync_tree(const std::string& folder) {
  for (const std::string& name : list(folder)) {
    const std::string path = join(folder, name);
    struct stat info {};
    if (lstat(path.c_str(), &info) != 0) io_error("sync", path, errno);
    if (S_ISDIR(info.st_mode)) sync_tree(path);
    if (S_ISREG(info.st_mode)) Descriptor::open(path, O_RDONLY | O_CLOEXEC, "sync").sync();
  }
  Descriptor::open_folder(folder).sync();
}

void remove_quietly(const std::string& path) noexcept {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

}  // namespace

AtomicFolder::AtomicFolder(std::string final_path)
    : final_(std::move(final_path)), temporary_(temporary_name(final_)) {
  make_folders(parent(final_));
  make_folder(temporary_);
}

AtomicFolder::~AtomicFolder() {
  if (!committed_) remove_quietly(temporary_);
}

void AtomicFolder::write(const std::string& name, std::string_view data) {
  write(name, std::span<const std::string_view>(&data, 1));
}

void AtomicFolder::write(const std::string& name, std::span<const std::string_view> pieces) {
  const std::string path = join(temporary_, name);
  make_folders(parent(path));
  Descriptor file = Descriptor::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, "write");
  for (const std::string_view piece : pieces) file.write(piece);
  file.sync();
  file.close();
}

void AtomicFolder::commit() {
  DLB_CHECK(!committed_);
  sync_tree(temporary_);
  // Opened first: after the rename nothing but the last sync can fail.
  const Descriptor folder = Descriptor::open_folder(parent(final_));
  if (!exists(final_)) {
    rename(temporary_, final_);
  } else if (!swap_paths(temporary_, final_)) {
    const std::string old = temporary_name(final_);
    rename(final_, old);
    try {
      rename(temporary_, final_);
    } catch (...) {
      std::error_code ignored;
      std::filesystem::rename(old, final_, ignored);
      throw;
    }
    temporary_ = old;
  }
  committed_ = true;
  folder.sync();
  // After an exchange the temporary name holds what was replaced.
  if (exists(temporary_)) remove_quietly(temporary_);
}

}  // namespace dlb::files
