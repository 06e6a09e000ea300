#pragma once
/// \file The JSON header of a safetensors file, checked as it is read.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dlb/tensor/dtype.h"

namespace dlb::io {

/// One tensor as the header describes it.
struct HeaderEntry {
  std::string name;
  std::string dtype;
  std::vector<uint64_t> shape;
  std::vector<uint64_t> offsets;  ///< begin, end, from the end of the header
};

struct Header {
  std::map<std::string, std::string> metadata;
  std::vector<HeaderEntry> entries;  ///< in order of writing
};

/// Parses the JSON text. Memory stays within a small factor of the text. Errors: data, naming `file` and the
/// tensor: no valid JSON or UTF-8, duplicate or unknown keys, wrong types, missing keys, more than 64
/// dimensions.
Header parse_header(std::string_view json, const std::string& file);

/// "F32", "BF16", ...: the format's name of a dtype.
std::string_view safetensors_dtype(DType dtype);

}  // namespace dlb::io
