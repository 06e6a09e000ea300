#pragma once
/// \file Declared types of a model's inputs, such as "int[N, T]".

#include <map>
#include <string>

#include "dlb/config/node.h"
#include "dlb/tensor/tensor.h"

namespace dlb::model {

/// Checks that the data's `spec` is of the declared type: int, float or bool, then sizes in brackets. A
/// number is an exact size, a name stands for any size, the same in all inputs. Raises a config error when
/// the text is no type, a shape error when the data differs. `giver` is who gives it: "the data gives".
/// `sizes` are those that names stood for in the inputs before.
void check_input_type(const std::string& name, const config::Node& type, const TensorSpec& spec,
                      std::string_view giver, std::map<std::string, int64_t>& sizes);

}  // namespace dlb::model
