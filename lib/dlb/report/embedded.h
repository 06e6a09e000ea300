#pragma once
/// \file What pages are drawn with, carried in the binary: page.css and page.js.

#include <span>
#include <string_view>

namespace dlb::report {

struct EmbeddedFile {
  std::string_view name;  ///< "page.css"
  std::string_view data;
};

/// All of them, generated at build time by cmake/embed.cmake.
std::span<const EmbeddedFile> embedded_files();

}  // namespace dlb::report
