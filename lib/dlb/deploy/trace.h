#pragma once
/// \file What a model computes in evaluation mode, as a graph of our own operators.

#include <memory>
#include <string>
#include <vector>

#include "dlb/model/model.h"

namespace dlb::deploy {

/// A value of a trace. Values that follow from constants alone are constants, though a node makes them.
struct TracedValue {
  TensorSpec spec;
  Tensor constant;   ///< undefined when it depends on the inputs
  std::string name;  ///< of an input or a variable of the model, else ""
};

struct TracedNode;

/// Nodes in the order of running.
struct TracedBlock {
  std::vector<int> inputs;
  std::vector<TracedNode> nodes;
  std::vector<int> outputs;
};

struct TracedNode {
  enum class Kind : uint8_t { kOp, kLoop, kScan, kBranch };
  Kind kind = Kind::kOp;
  const OpDef* op = nullptr;    ///< kOp
  std::shared_ptr<void> attrs;  ///< kOp
  std::vector<int> inputs;      ///< values; -1 where left out. Of loops: start values, then sequences
  std::vector<int> outputs;
  std::vector<TracedBlock> blocks;  ///< kLoop: condition (or empty), body; kScan: body; kBranch: then, else
  bool of_variable = false;         ///< kOp: a view of one of the model's variables
  bool conditional = false;         ///< kLoop: it has a condition
  int64_t most = 0;                 ///< kLoop
  int64_t axis = 0;                 ///< kScan
  bool reverse = false;             ///< kScan
  size_t carries = 0;               ///< kScan
  std::string layer;                ///< "conv2d_1"
  std::string where;                ///< "file:line"
};

struct Trace {
  std::vector<TracedValue> values;
  TracedBlock top;
  bool unknown_sizes = false;  ///< there are sizes that only data tell
};

/// Traces a model's program 0 on inputs of these specs, by their shapes alone. Operators that `known` does
/// not have are replaced by their reference compositions. The model's variables must have values. Errors:
/// those of the model, where a layer reads values or does not take the shapes; unsupported where it draws
/// random numbers, unless it may. Sizes that only data tell are others in each of several traces, by its
/// number 0, 1 or 2.
Trace trace(model::Model& model, const std::vector<TensorSpec>& inputs, bool (*known)(const OpDef&),
            size_t number, bool may_draw = false);

}  // namespace dlb::deploy
