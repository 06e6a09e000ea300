#pragma once
/// \file Text files read piece by piece, plain or gzip.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dlb/data/byte_stream.h"

namespace dlb::data {

/// How text files are read. Both forms leave out a byte order mark and take gzip files as what they hold.
struct TextFiles {
  std::string encoding = "utf-8";  ///< utf-8, latin-1 (turned into UTF-8), bytes (taken as they are)

  /// Hands out the text of a file in pieces of about a megabyte, each of which ends before white space where
  /// there is any, and never within a UTF-8 sequence. Errors: io; data, when it is no UTF-8, with the line.
  void pieces(const std::string& path, const std::function<void(std::string_view)>& take) const;
  /// Hands out the lines of a file with their numbers, from 1, without their ends ("\n" or "\r\n"). Errors:
  /// as above; data, for a line above kMaxLine bytes.
  void lines(const std::string& path, const std::function<void(std::string_view, int64_t)>& take) const;

  static constexpr size_t kMaxLine = 16 << 20;
};

/// SHA-256 of the (inflated) bytes of a file, and how many there are.
struct FileDigest {
  std::string sha256;
  uint64_t bytes = 0;
};
FileDigest digest_of(const std::string& path);

}  // namespace dlb::data
