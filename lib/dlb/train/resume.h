#pragma once
/// \file Whether a run may go on with a config that is not the one it began with.

#include <string>
#include <vector>

#include "dlb/config/node.h"

namespace dlb::train {

/// One key whose value differs.
struct ConfigChange {
  std::string key;            ///< "optimizer.adam.lr", "model[2].dropout"
  std::string before, after;  ///< as written, "(absent)" where there is none
  config::Node node;          ///< the new value, else the map or list that lacks it
};

/// The keys in which two configs differ, in order of the new one; what is written differently but means the
/// same value does not count.
std::vector<ConfigChange> config_changes(const config::Node& before, const config::Node& after);

/// What a resumed run may change: nothing that has a part in the weights, except its length when `extend`
/// says so.
enum class Change { kFree, kExtend, kForbidden };
Change change_of(const std::string& key);

/// Raises one config error that lists every change that is not allowed, with what would allow it; logs the
/// others.
void check_changes(const std::vector<ConfigChange>& changes, const std::string& run, bool extend);

}  // namespace dlb::train
