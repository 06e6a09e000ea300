// Functions of a model replaced by their nodes.
#include <algorithm>

#include "dlb/graph/session.h"

namespace dlb::graph {

namespace {

constexpr size_t kMostNodes = 1'000'000;
constexpr int kDeepest = 64;

using Renaming = std::map<std::string, std::string>;

class Inliner {
 public:
  explicit Inliner(Model& model) : model_(model) {}

  void expand(Graph& graph, int depth) {
    if (depth > kDeepest) fail(ErrorKind::kUnsupported, "graphs are nested more than {} deep", kDeepest);
    std::vector<Node> nodes;
    for (Node& node : graph.nodes) append(std::move(node), nodes, depth);
    graph.nodes = std::move(nodes);
  }

 private:
  void append(Node node, std::vector<Node>& out, int depth) {
    if (depth > kDeepest)
      fail(ErrorKind::kConfig, "functions call each other more than {} deep, at {}", kDeepest, node.op);
    const Function* function = find(node);
    if (function == nullptr) {
      if (++nodes_ > kMostNodes)
        fail(ErrorKind::kUnsupported, "the model has more than {} nodes", kMostNodes);
      for (Attribute& a : node.attributes) {
        if (auto* sub = std::get_if<Attribute::Subgraph>(&a.value)) expand(**sub, depth + 1);
      }
      out.push_back(std::move(node));
      return;
    }
    if (node.inputs.size() > function->inputs.size() || node.outputs.size() > function->outputs.size()) {
      fail(ErrorKind::kConfig, "function {} has {} inputs and {} outputs, called with {} and {}",
           function->name, function->inputs.size(), function->outputs.size(), node.inputs.size(),
           node.outputs.size());
    }
    if (++nodes_ > kMostNodes)
      fail(ErrorKind::kUnsupported, "the model's functions stand for more than {} nodes", kMostNodes);
    const std::string prefix = fmt::format("{}/{}/", function->name, calls_++);
    Renaming names;
    std::vector<Node> handed_through;
    for (size_t i = 0; i < function->inputs.size(); ++i)
      names[function->inputs[i]] = i < node.inputs.size() ? node.inputs[i] : "";
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i].empty()) continue;
      const auto [known, added] = names.try_emplace(function->outputs[i], node.outputs[i]);
      if (added) continue;
      // An input handed through, or a value given twice.
      Node same;
      same.op = "Identity";
      same.name = prefix + same.op;
      same.inputs = {known->second};
      same.outputs = {node.outputs[i]};
      same.opset = 1;
      handed_through.push_back(std::move(same));
    }
    for (const Node& inner : function->nodes) {
      Node copy = copied(inner, node, *function, names, prefix);
      append(std::move(copy), out, depth + 1);
    }
    for (Node& same : handed_through) out.push_back(std::move(same));
  }

  const Function* find(const Node& node) const {
    for (const Function& f : model_.functions) {
      if (f.name == node.op && f.domain == node.domain) return &f;
    }
    return nullptr;
  }

  /// A node of a function with the caller's names and attributes.
  Node copied(const Node& node, const Node& caller, const Function& function, Renaming& names,
              const std::string& prefix) const {
    Node copy = node;
    const auto version = function.opsets.find(node.domain);
    if (version != function.opsets.end()) copy.opset = version->second;
    copy.name = prefix + (node.name.empty() ? node.op : node.name);
    const auto renamed = [&](std::string& name) {
      if (name.empty()) return;
      const auto [at, added] = names.try_emplace(name, prefix + name);
      name = at->second;
    };
    for (std::string& name : copy.inputs) renamed(name);
    for (std::string& name : copy.outputs) renamed(name);
    std::vector<Attribute> attributes;
    for (Attribute& a : copy.attributes) {
      if (a.refers_to.empty()) {
        if (auto* sub = std::get_if<Attribute::Subgraph>(&a.value))
          a.value = copied(**sub, caller, function, names, prefix);
        attributes.push_back(std::move(a));
        continue;
      }
      const Attribute* given = caller.find(a.refers_to);
      for (const Attribute& d : function.defaults) {
        if (given == nullptr && d.name == a.refers_to) given = &d;
      }
      if (given == nullptr) continue;  // absent at the caller: absent here
      attributes.push_back(*given);
      attributes.back().name = a.name;
    }
    copy.attributes = std::move(attributes);
    return copy;
  }

  Attribute::Subgraph copied(const Graph& graph, const Node& caller, const Function& function, Renaming names,
                             const std::string& prefix) const {
    auto copy = std::make_shared<Graph>(graph);
    // Names that the subgraph makes itself must not hide those that the function got from its caller.
    for (Declared& d : copy->inputs) d.name = names[d.name] = prefix + d.name;
    copy->initializers.clear();
    for (const auto& [name, value] : graph.initializers) {
      names[name] = prefix + name;
      copy->initializers[prefix + name] = value;
    }
    copy->nodes.clear();
    for (const Node& node : graph.nodes) copy->nodes.push_back(copied(node, caller, function, names, prefix));
    for (Declared& d : copy->outputs) {
      if (const auto at = names.find(d.name); at != names.end()) d.name = at->second;
    }
    return copy;
  }

  Model& model_;
  size_t nodes_ = 0;
  size_t calls_ = 0;
};

}  // namespace

Model inline_functions(Model model) {
  if (model.functions.empty()) return model;
  Inliner(model).expand(model.graph, 0);
  model.functions.clear();
  return model;
}

}  // namespace dlb::graph
