#pragma once
/// \file Checking a model file before it runs: operators, names, types and shapes.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "dlb/graph/session.h"

namespace dlb::deploy {

/// An input or output: as the model declares it, and what it is with every size filled in.
struct CheckedPort {
  graph::Declared declared;
  graph::Inferred value;
};

struct CheckedNode {
  std::string name;  ///< its own, else that of its first output
  std::string op;    ///< with its domain, unless that is ONNX's own
  std::vector<graph::Inferred> outputs;
  int64_t parameters = 0;  ///< of constants that no node before it uses
};

struct CheckedModel {
  std::string file;
  std::string name;
  std::string producer;
  std::map<std::string, int64_t> opsets;
  std::vector<CheckedPort> inputs;  ///< those that must be given
  std::vector<CheckedPort> outputs;
  std::vector<CheckedNode> nodes;  ///< functions replaced by theirs
  int64_t parameters = 0;
  double flops = 0;    ///< of the values that are known
  size_t unknown = 0;  ///< values of nodes whose shapes depend on data
  std::vector<std::string> warnings;
};

/// Reads a model, checks it and infers its shapes. `sizes` are NAME=SIZE of those that its inputs leave open;
/// the others are 1. Nothing that needs inputs is computed. Errors: io, data; config and unsupported, naming
/// the file, all that is wrong with operators and names in one report; those of the operators.
CheckedModel check_model(const std::string& path, const std::vector<std::string>& sizes);

}  // namespace dlb::deploy
