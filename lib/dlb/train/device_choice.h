#pragma once
/// \file `--device` and paths, as the command line gives them.

#include <string>

namespace dlb::train {

/// The device of that name, "auto" for the best one there is. Errors: device when this build cannot use it.
std::string choose_device(const std::string& name);

/// Absolute, without links and dots; a part that does not exist is taken as it is.
std::string canonical_path(const std::string& path);

}  // namespace dlb::train
