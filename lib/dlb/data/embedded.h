#pragma once
/// \file The files of datasets/ that the binary carries: manifests and the small data sets.

#include <span>
#include <string_view>

namespace dlb::data {

struct EmbeddedFile {
  std::string_view name;  ///< below datasets/: "mnist.yaml", "digits/train-images-idx3-ubyte.gz"
  std::string_view data;
};

/// All of them, generated at build time by cmake/embed.cmake.
std::span<const EmbeddedFile> embedded_files();
/// The content of one, or an empty view; no embedded file is empty.
std::string_view embedded_file(std::string_view name);

}  // namespace dlb::data
