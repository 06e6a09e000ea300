#pragma once
/// \file What somebody means who writes a name that there is not.

#include <string>
#include <string_view>
#include <vector>

namespace dlb::config {

/// The valid name for what PyTorch, Keras or Caffe call `name` (`dense`: linear), else the nearest_name(); ""
/// when there is none.
std::string likely_name(std::string_view name, const std::vector<std::string>& valid);

}  // namespace dlb::config
