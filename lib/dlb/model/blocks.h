#pragma once
/// \file `blocks`: reusable steps with typed parameters; `models`: networks, whose weights are there once.

#include <map>
#include <string>
#include <vector>

#include "dlb/config/reader.h"
#include "dlb/model/env.h"

namespace dlb::model {

/// One parameter. `c: int` demands a value of that type, `widths: list of int` a list of such; `stride: 1`
/// gives a default, whose type a value must have.
struct Param {
  std::string name;
  config::Kind kind = config::Kind::kNull;     ///< kNull: that of the default, an expression
  config::Kind element = config::Kind::kNull;  ///< of a list: what its items must be, kNull: anything
  bool required = false;
  config::Node fallback;
};

struct Block {
  /// An input; `type` is null where none is declared.
  struct Input {
    std::string name;
    config::Node type;
  };
  std::string name;
  bool network = false;  ///< from `models`
  std::vector<Param> params;
  std::vector<Input> inputs;  ///< empty: one, without a name of its own
  config::Node steps;
  config::Node outputs;  ///< a name or a list of names; null: the last step's output
  size_t input_count() const { return inputs.empty() ? 1 : inputs.size(); }
  /// "block basic", "network generator"
  std::string what() const { return (network ? "network " : "block ") + name; }
  bool valid = true;  ///< false: its definition has errors, so uses are not checked
};
using Blocks = std::map<std::string, Block>;

/// Reads `blocks`; records errors: unknown keys, parameters without a type, parameters that no step mentions.
Blocks read_blocks(config::Reader& reader, const config::Node* node);

/// Reads `models` into `blocks`: each is a list of steps or {inputs, steps, outputs}.
void read_networks(config::Reader& reader, const config::Node* node, Blocks& blocks);

/// Sets the block's parameters in `inner` from the arguments of `use: {name: args}` (a lone scalar is the
/// first one). Keys in `also` are the caller's. Returns false after recording errors; what is wrong is
/// unknown in `inner` then.
bool bind_parameters(config::Reader& reader, const Block& block, const config::Node& at,
                     const config::Node& args, const std::vector<std::string>& also, const Env& caller,
                     Env& inner);

/// Whether `text` can name a step, value, block or parameter: a letter, then letters, digits and _; at
/// most 64.
bool is_identifier(const std::string& text);

}  // namespace dlb::model
