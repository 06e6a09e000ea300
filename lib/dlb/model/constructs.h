#pragma once
/// \file What the model language has beside layers: containers, and constructs that are gone once the model
/// is built.

#include <cstdint>
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

/// The body for each item of a list; `$var` is the item, `$var.key` a value of an item that is a map. Each
/// body takes what the one before gives; with `collect` each takes the same input, and the outputs are
/// joined.
struct Foreach {
  config::Node over;
  std::string var;
  config::Node body;
  std::string collect = "last";
  int64_t dim = 1;
  static Fields fields();
};

/// One of two lists of steps, chosen when the model is built.
struct When {
  bool cond = false;
  config::Node then;
  config::Node otherwise = config::Node::list({});
  static Fields fields();
};

/// The body again and again with the same weights: what it carries goes from one iteration into the next.
struct Loop {
  config::Node carry;
  config::Node condition;
  int64_t max = 1;
  config::Node body;
  static Fields fields();
};

/// The body for each slice of a sequence, with the same weights.
struct Scan {
  config::Node over;
  int64_t axis = 1;
  std::vector<std::string> var = {"item"};
  config::Node carry;
  config::Node body;
  std::vector<std::string> emit;
  bool reverse = false;
  static Fields fields();
};

/// One of two lists of steps, chosen while the model runs.
struct If {
  config::Node cond;
  config::Node then;
  config::Node otherwise = config::Node::list({});
  std::vector<std::string> emit;
  static Fields fields();
};

/// The value of an expression on tensors.
struct Eval {
  config::Node expr;
  static Fields fields();
};

/// A line on stderr.
struct Print {
  config::Node expr;
  std::string label;
  int64_t every = 1;
  static Fields fields();
};

/// An error while running, unless a condition holds.
struct Assert {
  config::Node cond;
  std::string message;
  static Fields fields();
};

struct Detach {
  static Fields fields() { return {}; }
};

/// All constructs with their fields, for help, schema and reference; `use` takes the block's own parameters.
const std::vector<Described>& construct_types();
bool is_construct(std::string_view name);

}  // namespace dlb::model
