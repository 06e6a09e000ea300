#pragma once
/// \file What a file of weights calls a model's variables: `weights.map` of a config, and files that hold
/// one.

#include <string>
#include <vector>

#include "dlb/base/error_list.h"
#include "dlb/config/node.h"
#include "dlb/model/weights.h"

namespace dlb::train {

/// The map of names, from name in the model to name in the file, that a YAML file holds. Errors: config.
config::Node read_names_file(const std::string& file);

/// Records an error for each entry of `map` that is no name, has a `*` too many, or, where the model is
/// known, fits none of its variables.
void check_names(const config::Node& map, const model::Model* model, ErrorList& errors);

/// The entries of a map that has passed check_names().
model::WeightNames weight_names(const config::Node& map);

/// What `map` calls each of the model's variables in a file that is to be written. Errors: those of
/// check_names(); config where two variables would have one name.
std::vector<std::string> names_to_write(const config::Node& map, const model::Model& model);

}  // namespace dlb::train
