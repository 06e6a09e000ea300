#include "dlb/data/checksum.h"

#include <fcntl.h>

#include <vector>

#include "dlb/base/file_calls.h"
#include "dlb/base/files.h"

namespace dlb::data {

std::string sha256_of_file(const std::string& path) {
  const auto file = files::Descriptor::open(path, O_RDONLY | O_CLOEXEC, "read");
  std::vector<char> buffer(1 << 20);
  files::Sha256 digest;
  while (const size_t n = file.read(buffer.data(), buffer.size())) digest.update(buffer.data(), n);
  return digest.hex();
}

}  // namespace dlb::data
