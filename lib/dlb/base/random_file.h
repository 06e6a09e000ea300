#pragma once
/// \file Random access to a file's bytes, for data that need not fit in memory.

#include <cstdint>
#include <memory>
#include <string>

namespace dlb::files {

/// An open file. Reads go to the system's page cache: a file that has become shorter is an error, not a
/// crash.
class RandomFile {
 public:
  /// Errors: io.
  explicit RandomFile(std::string path);
  ~RandomFile();
  RandomFile(const RandomFile&) = delete;
  RandomFile& operator=(const RandomFile&) = delete;
  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }
  /// Reads exactly `bytes` from `offset`. Thread-safe. Errors: io; data, when the file ends before.
  void read(void* out, size_t bytes, uint64_t offset) const;

 private:
  std::string path_;
  int fd_ = -1;
  uint64_t size_ = 0;
};

}  // namespace dlb::files
