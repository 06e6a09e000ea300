#pragma once
/// \file What the model language has beside layers: containers, and constructs that are gone once the model
/// is built.

#include <string>
#include <string_view>
#include <vector>

#include "dlb/config/node.h"

namespace dlb::model {

/// Steps one after the other, under a name of their own.
struct Sequential {
  config::Node body;
  static Fields fields();
};

/// y = body(x) + shortcut(x), without a shortcut y = body(x) + x.
struct Residual {
  config::Node body;
  config::Node shortcut = config::Node::list({});
  static Fields fields();
};

/// Several lists of steps that take the same input; their outputs are merged.
struct Parallel {
  config::Node branches;
  std::string merge = "concat";
  int64_t dim = 1;
  static Fields fields();
};

/// The body `times` times in a row, with new weights each time; `$index` counts from 0.
struct Repeat {
  int64_t times = 0;
  config::Node body;
  std::string index;
  static Fields fields();
};

/// The body for each item of a list; `$var` is the item, `$var.key` a value of an item that is a map.
struct Foreach {
  config::Node over;
  std::string var;
  config::Node body;
  static Fields fields();
};

/// One of two lists of steps, chosen when the model is built.
struct When {
  bool cond = false;
  config::Node then;
  config::Node otherwise = config::Node::list({});
  static Fields fields();
};

/// All constructs with their fields, for help, schema and reference; `use` takes the block's own parameters.
const std::vector<Described>& construct_types();
bool is_construct(std::string_view name);

}  // namespace dlb::model
