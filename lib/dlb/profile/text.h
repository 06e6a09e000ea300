#pragma once
/// \file A profile and a comparison as text for people.

#include <string>

#include "dlb/profile/compare.h"
#include "dlb/profile/profile.h"

namespace dlb::profile {

/// What a step takes, then tables by operator, layer and config line with at most `most` rows each, then
/// memory.
std::string to_text(const Profile& profile, size_t most);
/// What watching costs.
std::string overhead_text(const Profile& p);
std::string to_text(const Comparison& comparison, const std::string& source);

/// "1.23 ms", "45.6 us", "7.89 s"
std::string time_text(double ms);
/// "1.23 G", "456"
std::string amount_text(double value);
/// "12.3 MiB"
std::string bytes_text(double bytes);

}  // namespace dlb::profile
