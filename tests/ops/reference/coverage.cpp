#include "coverage.h"

#include "dlb/functional/function.h"
#include "samples.h"

namespace dlb::testing {

namespace {

std::set<std::string_view> function_names() {
  std::set<std::string_view> names;
  for (const functional::Function& f : functional::all_functions()) names.insert(f.name);
  return names;
}

}  // namespace

std::vector<std::string> Coverage::missing() const {
  std::vector<std::string> names;
  for (const std::string_view name : function_names()) {
    if (!functions_.contains(name) && !all_samples().contains(name))
      names.push_back("function " + std::string(name));
  }
  for (const OpDef* op : all_ops()) {
    if (!operators_.contains(op->name) && !all_samples().contains(op->name)) {
      names.push_back("operator " + std::string(op->name));
    }
  }
  return names;
}

size_t Coverage::total() const { return function_names().size() + all_ops().size(); }

}  // namespace dlb::testing
