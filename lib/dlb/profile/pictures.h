#pragma once
/// \file Pictures of a profile, each a string that stands by itself within an HTML page: inline SVG without
/// scripts and links, with the text colour of what is around it. Pointing at a shape shows its figures.

#include <string>
#include <string_view>

#include "dlb/profile/profile.h"

namespace dlb::profile {

/// Time as nested boxes: parts of the step, layers within them, operators in these; width is the share of
/// time.
std::string flame_svg(const Profile& profile);

/// Each operator of each layer by FLOPs per byte and FLOP/s, both logarithmic, below the roof that the
/// measured peaks are; a dot's area is its share of time. What has no FLOPs is not there.
std::string roofline_svg(const Profile& profile);

/// Memory in use over a step, over the parts of the step, with the peak and what brings it.
std::string memory_svg(const Profile& profile);

}  // namespace dlb::profile
