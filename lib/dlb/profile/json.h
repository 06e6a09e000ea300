#pragma once
/// \file The JSON document of `profile --json`.

#include <string>

#include "dlb/profile/compare.h"
#include "dlb/profile/profile.h"

namespace dlb::profile {

/// On one line; with a comparison, under "compare".
std::string to_json(const Profile& profile, const Comparison* comparison = nullptr);

}  // namespace dlb::profile
