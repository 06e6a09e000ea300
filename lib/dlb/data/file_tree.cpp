#include "dlb/data/file_tree.h"

#include <dirent.h>
#include <sys/stat.h>
#include <zip.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "dlb/base/error.h"
#include "dlb/base/file_calls.h"
#include "dlb/base/files.h"

namespace dlb::data {

namespace {

constexpr uint64_t kMaxFile = uint64_t{1} << 31;
constexpr uint64_t kMaxEntries = uint64_t{1} << 24;
constexpr uint64_t kMaxInflation = 1032;  ///< of deflate
constexpr int kMaxDepth = 32;             ///< of folders

bool is_hidden(std::string_view path) {
  return path.starts_with('.') || path.find("/.") != std::string_view::npos || path.starts_with("__MACOSX/");
}

class FolderTree final : public FileTree {
 public:
  explicit FolderTree(const std::string& path) : FileTree(path) {
    add("", 0);
    std::sort(files_.begin(), files_.end(), [](const File& a, const File& b) { return a.path < b.path; });
  }
  std::string read(size_t i) const override {
    return files::read_all(files::join(path_, files_[i].path), kMaxFile);
  }

 private:
  void add(const std::string& below, int depth) {
    const std::string folder = below.empty() ? path_ : files::join(path_, below);
    if (depth > kMaxDepth)
      fail(ErrorKind::kData, "'{}' lies more than {} folders below '{}'", folder, kMaxDepth, path_);
    DIR* handle = opendir(folder.c_str());
    if (handle == nullptr) files::io_error("read", folder, errno);
    const std::unique_ptr<DIR, int (*)(DIR*)> closer(handle, &closedir);
    while (const dirent* entry = readdir(handle)) {
      if (entry->d_name[0] == '.') continue;
      const std::string path = below.empty() ? std::string(entry->d_name) : files::join(below, entry->d_name);
      const std::string full = files::join(path_, path);
      struct stat info {};
      if (lstat(full.c_str(), &info) != 0) continue;  // gone in the meantime
      if (S_ISDIR(info.st_mode)) {
        add(path, depth + 1);
        continue;
      }
      if (S_ISLNK(info.st_mode) && stat(full.c_str(), &info) != 0) continue;
      if (S_ISREG(info.st_mode)) files_.push_back({path, static_cast<uint64_t>(info.st_size), 0});
    }
  }
};

struct ZipCloser {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
using ZipHandle = std::unique_ptr<zip_t, ZipCloser>;

class ZipTree final : public FileTree {
 public:
  /// Of the archive at `archive_path`, the files below `folder` ("" or one that ends in '/').
  ZipTree(const std::string& archive_path, const std::string& folder)
      : FileTree(folder.empty() ? archive_path
                                : files::join(archive_path, folder.substr(0, folder.size() - 1))),
        archive_path_(archive_path) {
    const std::string& path = archive_path_;
    // libzip's message for a file that is not there names neither the file nor the reason in full.
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) files::io_error("read", path, errno);
    if (!S_ISREG(info.st_mode)) fail(ErrorKind::kIo, "cannot read '{}': it is no regular file", path);
    ZipHandle archive = open_archive();
    const zip_int64_t count = zip_get_num_entries(archive.get(), 0);
    if (static_cast<uint64_t>(count) > kMaxEntries)
      fail(ErrorKind::kData, "'{}' has {} entries, more than the {} that are read", path, count, kMaxEntries);
    for (zip_uint64_t i = 0; i < static_cast<zip_uint64_t>(count); ++i) {
      zip_stat_t entry{};
      constexpr zip_uint64_t kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_CRC;
      if (zip_stat_index(archive.get(), i, 0, &entry) != 0 || (entry.valid & kNeeded) != kNeeded)
        fail(ErrorKind::kData, "'{}' is damaged: entry {} cannot be read", path, i);
      std::string_view name = entry.name;
      if (!name.starts_with(folder)) continue;
      name.remove_prefix(folder.size());
      if (name.empty() || name.ends_with('/') || is_hidden(name)) continue;
      if (entry.size > kMaxFile || entry.size / kMaxInflation > entry.comp_size)
        fail(ErrorKind::kData, "'{}/{}' is damaged: {} stored bytes cannot be {} bytes", path, name,
             entry.comp_size, entry.size);
      entries_.push_back({{std::string(name), entry.size, entry.crc}, i});
    }
    std::sort(entries_.begin(), entries_.end(),
              [](const Entry& a, const Entry& b) { return a.file.path < b.file.path; });
    for (const Entry& entry : entries_) files_.push_back(entry.file);
    idle_.push_back(std::move(archive));
  }

  std::string read(size_t i) const override {
    // A handle serves one thread at a time; each thread that reads gets its own.
    ZipHandle archive = take();
    std::string bytes = read_entry(*archive, i);
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(archive));
    return bytes;
  }

 private:
  struct Entry {
    File file;
    zip_uint64_t index;
  };

  ZipHandle open_archive() const {
    int code = 0;
    ZipHandle archive(zip_open(archive_path_.c_str(), ZIP_RDONLY, &code));
    if (archive != nullptr) return archive;
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    const std::string reason = zip_error_strerror(&error);
    zip_error_fini(&error);
    fail(code == ZIP_ER_OPEN || code == ZIP_ER_READ ? ErrorKind::kIo : ErrorKind::kData,
         "'{}' cannot be read as a zip archive: {}", archive_path_, reason);
  }

  ZipHandle take() const {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        ZipHandle archive = std::move(idle_.back());
        idle_.pop_back();
        return archive;
      }
    }
    return open_archive();
  }

  std::string read_entry(zip_t& archive, size_t i) const {
    const Entry& entry = entries_[i];
    const std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> file(zip_fopen_index(&archive, entry.index, 0),
                                                                 &zip_fclose);
    if (file == nullptr) {
      const int code = zip_error_code_zip(zip_get_error(&archive));
      const bool lacking =
          code == ZIP_ER_NOPASSWD || code == ZIP_ER_ENCRNOTSUPP || code == ZIP_ER_COMPNOTSUPP;
      fail(lacking ? ErrorKind::kUnsupported : ErrorKind::kData, "'{}' cannot be read from its archive: {}",
           name(i), zip_strerror(&archive));
    }
    std::string bytes(entry.file.bytes, '\0');
    const zip_int64_t got = zip_fread(file.get(), bytes.data(), bytes.size());
    // Asking once more makes the library compare the entry's checksum.
    char extra = 0;
    const zip_int64_t more = got < 0 ? -1 : zip_fread(file.get(), &extra, 1);
    if (more < 0)
      fail(ErrorKind::kData, "'{}' is damaged in its archive: {}", name(i), zip_file_strerror(file.get()));
    if (static_cast<uint64_t>(got) != bytes.size() || more != 0)
      fail(ErrorKind::kData, "'{}' is damaged in its archive: expected {} bytes, found {}", name(i),
           bytes.size(), more != 0 ? "more" : std::to_string(got));
    return bytes;
  }

  std::string archive_path_;
  std::vector<Entry> entries_;
  mutable std::mutex mutex_;
  mutable std::vector<ZipHandle> idle_;
};

}  // namespace

std::string FileTree::name(size_t i) const { return files::join(path_, files_[i].path); }

std::string FileTree::digest() const {
  files::Sha256 digest;
  for (const File& file : files_) {
    const std::string line = fmt::format("{}\n{} {}\n", file.path, file.bytes, file.crc);
    digest.update(line.data(), line.size());
  }
  return "sha256:" + digest.hex();
}

std::shared_ptr<const FileTree> FileTree::open(const std::string& path) {
  constexpr std::string_view kEnding = ".zip";
  if (path.ends_with(kEnding) && !files::is_folder(path)) return std::make_shared<ZipTree>(path, "");
  const size_t inner = path.find(".zip/");
  if (inner != std::string::npos && !files::exists(path)) {
    const size_t end = inner + kEnding.size();
    std::string folder = path.substr(end + 1);
    if (!folder.ends_with('/')) folder += '/';
    auto tree = std::make_shared<ZipTree>(path.substr(0, end), folder);
    if (tree->files().empty())
      fail(ErrorKind::kIo, "the archive '{}' has no files in a folder '{}'", path.substr(0, end),
           path.substr(end + 1));
    return tree;
  }
  if (!files::exists(path)) fail(ErrorKind::kIo, "no folder '{}'", path);
  if (!files::is_folder(path)) fail(ErrorKind::kIo, "'{}' is no folder and no .zip archive", path);
  return std::make_shared<FolderTree>(path);
}

}  // namespace dlb::data
