#pragma once
/// \file All that can stand in a config, by category: what `help`, the reference pages and the JSON schema
/// are made of.

#include <string>
#include <string_view>
#include <vector>

#include "dlb/base/fields.h"
#include "dlb/config/node.h"

namespace dlb::train {

/// Types that are chosen by name in the same place, or the sections of a config.
struct Category {
  std::string name;   ///< "layer", as in `dlbench help layer`
  std::string title;  ///< "Layers"
  std::string doc;
  std::vector<Described> types;
};

/// Every category, in the order of the reference.
const std::vector<Category>& catalog();
/// The category of that name, or nullptr.
const Category* find_category(std::string_view name);

/// The reference pages as one Markdown document.
std::string reference_markdown();

/// JSON schema (draft 2020-12) of a whole config.
config::Node config_schema();

}  // namespace dlb::train
