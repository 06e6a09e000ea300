#include "dlb/nn/spatial.h"

#include "dlb/base/error.h"

namespace dlb::nn {

Dims per_dimension(const std::vector<int64_t>& values, size_t spatial, std::string_view layer,
                   std::string_view option) {
  if (values.size() == spatial) return Dims(values.begin(), values.end());
  if (values.size() == 1) return Dims(spatial, values[0]);
  fail(ErrorKind::kConfig, "{}.{} takes {}, got {}", layer, option,
       spatial == 1 ? std::string("1 number") : fmt::format("1 or {} numbers", spatial), values.size());
}

std::string_view spatial_form(size_t spatial) {
  return spatial == 1 ? "[N, C, L]" : spatial == 2 ? "[N, C, H, W]" : "[N, C, D, H, W]";
}

}  // namespace dlb::nn
