#include "dlb/data/embedded.h"

namespace dlb::data {

std::string_view embedded_file(std::string_view name) {
  for (const EmbeddedFile& file : embedded_files()) {
    if (file.name == name) return file.data;
  }
  return {};
}

}  // namespace dlb::data
