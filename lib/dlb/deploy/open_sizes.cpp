#include "dlb/deploy/open_sizes.h"

#include <charconv>

#include "dlb/base/error.h"

namespace dlb::deploy {

std::map<std::string, int64_t> read_sizes(const std::vector<std::string>& arguments) {
  std::map<std::string, int64_t> sizes;
  for (const std::string& argument : arguments) {
    const size_t at = argument.find('=');
    const char* const end = argument.data() + argument.size();
    int64_t size = -1;
    if (at != std::string::npos && std::from_chars(argument.data() + at + 1, end, size).ptr != end) size = -1;
    if (size < 0) fail(ErrorKind::kConfig, "--size expects NAME=SIZE, got '{}'", argument);
    sizes[argument.substr(0, at)] = size;
  }
  return sizes;
}

Shape closed_shape(const graph::Declared& declared, const std::map<std::string, int64_t>& sizes) {
  Shape shape;
  for (const graph::Dim& dim : *declared.shape) {
    const auto named = sizes.find(dim.name);
    shape.push_back(dim.size ? *dim.size : named != sizes.end() ? named->second : 1);
  }
  return shape;
}

}  // namespace dlb::deploy
