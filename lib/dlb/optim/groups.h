#pragma once
/// \file Parameter groups: other settings for the parameters whose names match a pattern.

#include "dlb/config/node.h"
#include "dlb/optim/optimizer.h"

namespace dlb::optim {

/// One entry of `groups`.
struct Group {
  std::vector<std::string> match;
  double lr_scale = 1;
  std::optional<double> weight_decay;
  static Fields fields();
};

/// Sets lr_scale and weight_decay of each parameter from the first group of the list `groups` that matches
/// its name. Errors: config, all of them together, for a malformed group and for one whose patterns match no
/// parameter.
void assign_groups(const config::Node& groups, std::vector<Param>& params);

}  // namespace dlb::optim
