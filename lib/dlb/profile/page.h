#pragma once
/// \file A profile as one web page.

#include <string>

#include "dlb/profile/compare.h"
#include "dlb/profile/profile.h"

namespace dlb::profile {

/// Figures, pictures and tables; without scripts and without links to anything outside. `comparison` may be
/// null.
std::string html_page(const Profile& profile, const Comparison* comparison = nullptr);

}  // namespace dlb::profile
