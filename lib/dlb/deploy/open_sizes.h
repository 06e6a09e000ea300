#pragma once
/// \file Sizes of inputs that a model leaves open, and what stands for them.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "dlb/graph/graph.h"

namespace dlb::deploy {

/// Sizes by their names, from NAME=SIZE arguments. Errors: config.
std::map<std::string, int64_t> read_sizes(const std::vector<std::string>& arguments);

/// A declared shape, which must be known, with `sizes` in place of names; 1 for the others.
Shape closed_shape(const graph::Declared& declared, const std::map<std::string, int64_t>& sizes);

}  // namespace dlb::deploy
