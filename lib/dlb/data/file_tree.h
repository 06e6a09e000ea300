#pragma once
/// \file A folder, or a zip archive read as one.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace dlb::data {

/// The files below a folder or within a zip archive (a path that ends in .zip, or names a folder in one:
/// a.zip/b), by relative path. Links to folders are not followed, and names that begin with a dot are left
/// out, as is what macOS adds to archives.
class FileTree {
 public:
  struct File {
    std::string path;  ///< relative, with '/' between folders
    uint64_t bytes = 0;
    uint32_t crc = 0;  ///< in archives
  };
  /// Lists the files, sorted by path. Errors: io, when it is not there; data, when an archive is damaged or
  /// has more than 2^24 entries.
  static std::shared_ptr<const FileTree> open(const std::string& path);
  virtual ~FileTree() = default;

  const std::string& path() const { return path_; }
  const std::vector<File>& files() const { return files_; }
  /// What messages call file number `i`: its path, "archive.zip/a/b.png" in an archive.
  std::string name(size_t i) const;
  /// "sha256:..." of the list of files with their sizes, in archives also their checksums: what says whether
  /// a tree has changed without reading it.
  std::string digest() const;
  /// The whole file number `i`. Thread-safe. Errors: io; data when an archive's entry is damaged, too large
  /// to be meant, or of another size than listed; unsupported when it is encrypted.
  virtual std::string read(size_t i) const = 0;

 protected:
  explicit FileTree(std::string path) : path_(std::move(path)) {}
  std::string path_;
  std::vector<File> files_;
};

}  // namespace dlb::data
