#include "dlb/optim/groups.h"

#include "dlb/config/reader.h"

namespace dlb::optim {

Fields Group::fields() {
  static const Field list[] = {
      required<&Group::match>("match", "pattern or patterns of parameter names, with * and ?",
                              items(any_value(), 1, 1000)),
      field<&Group::lr_scale>("lr_scale", "factor of the learning rate; 0 leaves the parameters as they are",
                              non_negative()),
      field<&Group::weight_decay>("weight_decay", "instead of the optimizer's", non_negative()),
  };
  return list;
}

void assign_groups(const config::Node& groups, std::vector<Param>& params) {
  if (groups.is_null()) return;
  if (!groups.is_list())
    throw groups.error("groups is a list of {match, lr_scale, weight_decay}, got " + groups.brief());
  ErrorList errors;
  const config::Scope scope;
  config::Reader reader(errors, scope);
  std::vector<bool> taken(params.size(), false);
  for (const config::Node& node : groups.items()) {
    Group group;
    if (!reader.read(node, Group::fields(), &group, "group")) continue;
    for (const std::string& pattern : group.match) {
      bool found = false;
      for (size_t i = 0; i < params.size(); ++i) {
        if (!matches(pattern, params[i].name)) continue;
        found = true;
        if (taken[i]) continue;
        taken[i] = true;
        params[i].lr_scale = group.lr_scale;
        if (group.weight_decay) params[i].weight_decay = *group.weight_decay;
      }
      if (!found) {
        std::string hint;
        if (!params.empty())
          hint = fmt::format("the first parameter is '{}', the last '{}'", params.front().name,
                             params.back().name);
        reader.error(node, fmt::format("no parameter is named '{}'", pattern), std::move(hint));
      }
    }
  }
  errors.throw_if_any();
}

}  // namespace dlb::optim
