#pragma once
/// \file Base64.

#include <string>
#include <string_view>

namespace dlb {

/// The bytes in Base64 with padding. **Source**: RFC 4648, section 4.
std::string base64(std::string_view bytes);

}  // namespace dlb
