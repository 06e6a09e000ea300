#pragma once
/// \file Files: whole reads, atomic durable writes, checksums, and fault injection for the tests of all that.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dlb::files {

/// The whole file. Errors: io, naming the path and the reason; a file above `limit` bytes is refused before
/// it is read.
std::string read_all(const std::string& path, size_t limit = size_t{1} << 40);

/// Writes `data` to `path` so that after a crash the file is the old one or the new one, whole: written
/// beside, synced, renamed, folder synced. Errors: io; the temporary file is removed.
void write_atomic(const std::string& path, std::string_view data);

/// Appends to a file held open, one write call per record, so that a reader never sees half a line of a live
/// process.
class Appender {
 public:
  /// Opens for appending; creates the file. Errors: io.
  explicit Appender(const std::string& path);
  ~Appender();
  Appender(Appender&&) noexcept;
  Appender& operator=(Appender&&) noexcept;
  void write(std::string_view text);
  void sync();

 private:
  std::string path_;
  int fd_ = -1;
};

/// Builds a folder that appears whole or not at all: fill `path()` with files, then commit() syncs everything
/// and renames it to its final name. Destroyed without commit(), everything written is removed.
class AtomicFolder {
 public:
  explicit AtomicFolder(std::string final_path);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;
  const std::string& path() const { return temporary_; }
  /// Writes and syncs one file below path().
  void write(const std::string& name, std::string_view data);
  /// As write(), from several pieces without joining them.
  void write(const std::string& name, std::span<const std::string_view> pieces);
  void commit();

 private:
  std::string final_;
  std::string temporary_;
  bool committed_ = false;
};

void make_folders(const std::string& path);  ///< mkdir -p
void remove_all(const std::string& path);    ///< rm -rf; missing is fine
bool exists(const std::string& path);
bool is_folder(const std::string& path);
std::vector<std::string> list(const std::string& folder);          ///< names, sorted; missing folder = empty
std::string join(std::string_view folder, std::string_view name);  ///< an absolute `name` wins
std::string parent(std::string_view path);                         ///< "" when there is none
std::string base_name(std::string_view path);

/// Lower-case hexadecimal digests.
std::string md5_hex(std::string_view data);
std::string sha256_hex(std::string_view data);

/// SHA-256 of data given piece by piece.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(const void* data, size_t bytes);
  std::string hex();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Test hook: called before each system call of this file with its name ("open", "read", "write", "fsync",
/// "rename", "mkdir") and path; a non-zero return is the errno to fail with, -1 makes a write short. Not for
/// concurrent use with other threads' I/O.
using FaultHook = std::function<int(std::string_view call, const std::string& path)>;
void set_fault_hook(FaultHook hook);

}  // namespace dlb::files
