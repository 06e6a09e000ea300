#pragma once
/// \file Checksums of files of any size.

#include <string>

namespace dlb::data {

/// SHA-256 of a file's bytes, which are read piece by piece. Errors: io.
std::string sha256_of_file(const std::string& path);

}  // namespace dlb::data
