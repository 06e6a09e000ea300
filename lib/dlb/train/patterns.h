#pragma once
/// \file Parameters chosen by name, as `freeze`, `init` and `update` do.

#include <string>
#include <vector>

#include "dlb/config/reader.h"
#include "dlb/model/model.h"

namespace dlb::train {

/// Whether `pattern` means a variable: its name with * and ?, or the name of something around it ("encoder"
/// means "encoder.linear_1.weight").
bool covers(const std::string& pattern, const std::string& name);
bool any_covers(const std::vector<std::string>& patterns, const std::string& name);

/// A text or a list of texts. Records an error and then returns an empty list.
std::vector<std::string> read_patterns(config::Reader& reader, const config::Node& node,
                                       std::string_view what);

/// Records an error at `node` for each pattern that covers none of the variables, with the nearest name.
void check_patterns(config::Reader& reader, const config::Node& node,
                    const std::vector<std::string>& patterns, const std::vector<nn::Variable>& variables,
                    std::string_view what);

}  // namespace dlb::train
