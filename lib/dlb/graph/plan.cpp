#include "dlb/graph/plan.h"

#include <algorithm>
#include <set>

namespace dlb::graph {

namespace {

/// Graphs within graphs: deeper than this no honest model goes.
constexpr int kDeepest = 64;

class Planner {
 public:
  Planner(const Graph& graph, Planner* around, const std::map<std::string, int64_t>& opsets,
          std::vector<Error>& errors)
      : graph_(graph),
        around_(around),
        opsets_(opsets),
        errors_(errors),
        depth_(around == nullptr ? 0 : around->depth_ + 1) {}

  std::unique_ptr<Plan> make() {
    plan_ = std::make_unique<Plan>();
    plan_->graph = &graph_;
    if (depth_ > kDeepest) {
      error(ErrorKind::kUnsupported, fmt::format("graphs are nested more than {} deep", kDeepest));
      return std::move(plan_);
    }
    for (const Declared& input : graph_.inputs) plan_->inputs.push_back(define(input.name));
    for (const auto& [name, value] : graph_.initializers) {
      const auto known = slots_.find(name);
      const int slot = known != slots_.end() ? known->second : define(name);
      plan_->constants[static_cast<size_t>(slot)] = value;
    }
    for (size_t i = 0; i < graph_.nodes.size(); ++i) add(graph_.nodes[i], i);
    for (const Declared& output : graph_.outputs) {
      const int slot = find(output.name);
      if (slot < 0)
        error(ErrorKind::kConfig, fmt::format("output '{}' of the graph is made by no node", output.name));
      plan_->outputs.push_back(slot);
    }
    find_last_uses();
    return std::move(plan_);
  }

 private:
  void error(ErrorKind kind, std::string message) { errors_.emplace_back(kind, std::move(message)); }

  int define(const std::string& name) {
    const int slot = static_cast<int>(plan_->slots());
    if (!slots_.emplace(name, slot).second)
      error(ErrorKind::kConfig, fmt::format("value '{}' is made more than once", name));
    plan_->names.push_back(name);
    plan_->constants.emplace_back();
    return slot;
  }

  /// The slot of a name, captured from the graph around if need be; -1 if nobody makes it.
  int find(const std::string& name) {
    if (const auto known = slots_.find(name); known != slots_.end()) return known->second;
    const int outer = around_ == nullptr ? -1 : around_->find(name);
    if (outer < 0) return -1;
    const int slot = define(name);
    plan_->captures.emplace_back(outer, slot);
    return slot;
  }

  void add(const Node& node, size_t index) {
    PlanStep step;
    step.node = &node;
    step.index = index;
    const auto opset = opsets_.find(node.domain);
    if (opset == opsets_.end() && node.opset == 0) {
      error(ErrorKind::kConfig,
            fmt::format("{}: the model imports no opset of domain '{}'", describe(node, index), node.domain));
    } else {
      step.opset = node.opset != 0 ? node.opset : opset->second;
      step.op = find_operator(node.domain, node.op, step.opset);
      if (step.op == nullptr) {
        error(ErrorKind::kUnsupported,
              fmt::format("{}: there is no operator {}{}{} in opset {}", describe(node, index), node.domain,
                          node.domain.empty() ? "" : ".", node.op, step.opset));
      } else if (node.inputs.size() < step.op->least_inputs) {
        error(ErrorKind::kConfig,
              fmt::format("{}: it has {} inputs, expected at least {}", describe(node, index),
                          node.inputs.size(), step.op->least_inputs));
      }
    }
    for (const std::string& name : node.inputs) {
      const int slot = name.empty() ? -1 : find(name);
      if (slot < 0 && !name.empty()) {
        error(ErrorKind::kConfig,
              fmt::format("{}: input '{}' is made by no node before it", describe(node, index), name));
      }
      step.inputs.push_back(slot);
    }
    for (const Attribute& a : node.attributes) {
      if (!a.refers_to.empty()) {
        error(ErrorKind::kConfig, fmt::format("{}: attribute '{}' refers to '{}', and this is no function",
                                              describe(node, index), a.name, a.refers_to));
      }
      if (const auto* sub = std::get_if<Attribute::Subgraph>(&a.value)) plan_subgraph(**sub, step);
    }
    for (const std::string& name : node.outputs) step.outputs.push_back(name.empty() ? -1 : define(name));
    plan_->steps.push_back(std::move(step));
  }

  void plan_subgraph(const Graph& sub, PlanStep& step) {
    std::unique_ptr<Plan> plan = Planner(sub, this, opsets_, errors_).make();
    // What the subgraph captures is in use as long as its node.
    for (const auto& [outer, own] : plan->captures) captured_[step.index].push_back(outer);
    plan_->subplans[&sub] = std::move(plan);
  }

  void find_last_uses() {
    std::set<int> kept(plan_->outputs.begin(), plan_->outputs.end());
    for (size_t slot = 0; slot < plan_->slots(); ++slot) {
      if (!plan_->constants[slot].none()) kept.insert(static_cast<int>(slot));
    }
    for (size_t i = plan_->steps.size(); i-- > 0;) {
      PlanStep& step = plan_->steps[i];
      const auto use = [&](int slot) {
        if (slot >= 0 && kept.insert(slot).second) step.last_use.push_back(slot);
      };
      for (const int slot : step.inputs) use(slot);
      for (const int slot : captured_[step.index]) use(slot);
      for (const int slot : step.outputs) use(slot);
    }
  }

  const Graph& graph_;
  Planner* around_;
  const std::map<std::string, int64_t>& opsets_;
  std::vector<Error>& errors_;
  int depth_;
  std::unique_ptr<Plan> plan_;
  std::map<std::string, int> slots_;
  std::map<size_t, std::vector<int>> captured_;  ///< by node: slots that its subgraphs read
};

}  // namespace

std::unique_ptr<Plan> make_plan(const Graph& graph, const std::map<std::string, int64_t>& opsets,
                                std::vector<Error>& errors) {
  return Planner(graph, nullptr, opsets, errors).make();
}

}  // namespace dlb::graph
