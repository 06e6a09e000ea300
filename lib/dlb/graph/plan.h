#pragma once
/// \file The order of work of a graph: names resolved to slots, operators to kernels.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dlb/graph/operator.h"

namespace dlb::graph {

/// One node of a plan.
struct PlanStep {
  const Node* node = nullptr;
  const Operator* op = nullptr;
  int64_t opset = 1;
  size_t index = 0;           ///< of the node in its graph, for messages
  std::vector<int> inputs;    ///< slots; -1 where left out
  std::vector<int> outputs;   ///< slots; -1 where not wanted
  std::vector<int> last_use;  ///< slots that nobody reads after this step
  bool done = false;          ///< computed beforehand
};

/// A graph ready to run. A slot holds one value while it runs.
struct Plan {
  const Graph* graph = nullptr;
  std::vector<PlanStep> steps;
  std::vector<std::string> names;  ///< of slots
  std::vector<Value> constants;    ///< by slot; nothing where a run makes it
  std::vector<int> inputs;
  std::vector<int> outputs;
  std::vector<std::pair<int, int>> captures;  ///< slot of the graph around it, own slot
  std::map<const Graph*, std::unique_ptr<Plan>> subplans;

  size_t slots() const { return names.size(); }
};

/// Plans `graph` and its subgraphs. All errors are gathered in `errors`.
std::unique_ptr<Plan> make_plan(const Graph& graph, const std::map<std::string, int64_t>& opsets,
                                std::vector<Error>& errors);

}  // namespace dlb::graph
