#pragma once
/// \file What all fuzz targets share: which exceptions are answers, and files in memory.

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "dlb/base/error.h"

namespace dlb::fuzz {

/// The input as text.
inline std::string_view text_of(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Ends the program: the reader gave something that cannot be.
[[noreturn]] inline void broken(const char* what) {
  std::fprintf(stderr, "fuzz: not true: %s\n", what);
  std::abort();
}

/// Runs `body` on hostile input. To refuse the input by an Error is an answer; whatever else is thrown, and
/// an internal Error, is a finding. Returns whether the input was taken.
template <class F>
bool taken(const F& body) {
  try {
    body();
    return true;
  } catch (const Error& error) {
    if (error.kind == ErrorKind::kInternal) broken(error.what());
    if (error.message.empty()) broken("an error has a message");
    return false;
  }
}

/// Reads every byte, so that one outside of its buffer is noticed.
inline void touch(std::string_view bytes) {
  unsigned sum = 0;
  for (const char c : bytes) sum += static_cast<uint8_t>(c);
  asm volatile("" : : "r"(sum));  // so that the reads are not left out
}

/// One file without a disk, for readers that take a path.
class MemoryFile {
 public:
  MemoryFile() : fd_(::memfd_create("fuzz", 0)), path_("/proc/self/fd/" + std::to_string(fd_)) {
    if (fd_ < 0) broken("a file in memory can be made");
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  /// The path of the file, with this content now.
  const std::string& with(std::string_view content) {
    if (::ftruncate(fd_, 0) != 0 ||
        ::pwrite(fd_, content.data(), content.size(), 0) != static_cast<ssize_t>(content.size()))
      broken("a file in memory can be written");
    return path_;
  }

 private:
  int fd_;
  std::string path_;
};

}  // namespace dlb::fuzz

/// For claims about what a reader gave.
#define FUZZ_REQUIRE(condition) ((condition) ? static_cast<void>(0) : ::dlb::fuzz::broken(#condition))
