// Gradient nodes get the part of the graph that they differentiate as a graph of their own.
#include <algorithm>
#include <set>

#include "dlb/graph/session.h"

namespace dlb::graph {

namespace {

constexpr std::string_view kDomain = "ai.onnx.preview.training";
constexpr size_t kMostNodes = 1'000'000;

std::vector<std::string> names_of(const Node& node, std::string_view attribute) {
  const Attribute* a = node.find(attribute);
  if (a == nullptr) return {};
  const auto* names = std::get_if<Attribute::Strings>(&a->value);
  if (names == nullptr) fail(ErrorKind::kConfig, "Gradient: attribute '{}' is no list of names", attribute);
  return *names;
}

/// All names that a node reads, its subgraphs included.
void read_names(const Node& node, std::set<std::string>& names) {
  names.insert(node.inputs.begin(), node.inputs.end());
  for (const Attribute& a : node.attributes) {
    if (const auto* sub = std::get_if<Attribute::Subgraph>(&a.value)) {
      for (const Node& inner : (*sub)->nodes) read_names(inner, names);
      for (const Declared& d : (*sub)->outputs) names.insert(d.name);
    }
  }
}

/// The nodes before `count` that lead from the inputs of a Gradient node to what it differentiates. What they
/// read besides is captured from the graph around.
Attribute::Subgraph differentiated(const Graph& graph, size_t count, size_t& copied) {
  const Node& node = graph.nodes[count];
  const Attribute* y = node.find("y");
  const auto* name = y == nullptr ? nullptr : std::get_if<std::string>(&y->value);
  if (name == nullptr) fail(ErrorKind::kConfig, "Gradient: attribute 'y' is missing");
  auto body = std::make_shared<Graph>();
  body->name = "gradient of " + *name;
  std::set<std::string> given, needed = {*name};
  for (const char* list : {"xs", "zs"}) {
    for (const std::string& input : names_of(node, list)) {
      given.insert(input);
      body->inputs.emplace_back().name = input;
    }
  }
  if (body->inputs.size() != node.inputs.size()) {
    fail(ErrorKind::kConfig, "Gradient: xs and zs name {} values, it has {} inputs", body->inputs.size(),
         node.inputs.size());
  }
  body->outputs.emplace_back().name = *name;
  for (size_t i = count; i-- > 0;) {
    const Node& before = graph.nodes[i];
    const bool leads = std::any_of(before.outputs.begin(), before.outputs.end(), [&](const std::string& out) {
      return !out.empty() && needed.count(out) > 0 && given.count(out) == 0;
    });
    if (!leads) continue;
    if (before.op == "Gradient" && before.domain == kDomain)
      fail(ErrorKind::kUnsupported, "Gradient: gradients of gradients are not computed");
    if (++copied > kMostNodes)
      fail(ErrorKind::kUnsupported, "the model's Gradient nodes stand for more than {} nodes", kMostNodes);
    body->nodes.push_back(before);
    // A node that also makes one of the given values must not make it anew.
    for (std::string& out : body->nodes.back().outputs) {
      if (given.count(out) > 0) out.clear();
    }
    read_names(before, needed);
  }
  std::reverse(body->nodes.begin(), body->nodes.end());
  return body;
}

void expand(Graph& graph, int depth, size_t& copied) {
  constexpr int kDeepest = 64;
  if (depth > kDeepest) fail(ErrorKind::kUnsupported, "graphs are nested more than {} deep", kDeepest);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    Node& node = graph.nodes[i];
    for (Attribute& a : node.attributes) {
      if (auto* sub = std::get_if<Attribute::Subgraph>(&a.value)) expand(**sub, depth + 1, copied);
    }
    if (node.op != "Gradient" || node.domain != kDomain) continue;
    Attribute body;
    body.name = "body";
    body.value = differentiated(graph, i, copied);
    std::erase_if(node.attributes, [](const Attribute& a) { return a.name == "body"; });
    node.attributes.push_back(std::move(body));
  }
}

}  // namespace

Model expand_gradients(Model model) {
  size_t copied = 0;
  expand(model.graph, 0, copied);
  return model;
}

}  // namespace dlb::graph
