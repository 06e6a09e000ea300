#include "dlb/deploy/prelude.h"

#include <fmt/format.h>

#include "dlb/deploy/emit.h"
#include "dlb/ops/shape_ops.h"

namespace dlb::deploy {

namespace {

/// The names that a graph and those within it have.
void gather_names(const graph::Graph& graph, std::set<std::string>& names) {
  for (const auto* list : {&graph.inputs, &graph.outputs}) {
    for (const graph::Declared& d : *list) names.insert(d.name);
  }
  for (const auto& [name, value] : graph.initializers) names.insert(name);
  for (const graph::Node& node : graph.nodes) {
    names.insert(node.outputs.begin(), node.outputs.end());
    for (const graph::Attribute& a : node.attributes) {
      if (const auto* sub = std::get_if<graph::Attribute::Subgraph>(&a.value)) gather_names(**sub, names);
    }
  }
}

}  // namespace

Prelude::Prelude(const graph::Graph& graph, std::string prefix) : prefix_(std::move(prefix)) {
  gather_names(graph, names_);
}

std::string Prelude::fresh(const std::string& stem) {
  const std::string base = prefix_ + stem;
  std::string name = base;
  for (int i = 1; !names_.insert(name).second; ++i) name = fmt::format("{}_{}", base, i);
  return name;
}

std::vector<std::string> Prelude::add_many(std::string op, std::vector<std::string> inputs,
                                           std::vector<graph::Attribute> attributes, size_t outputs) {
  graph::Node node;
  node.name = fresh(op);
  node.op = std::move(op);
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  node.outputs = {node.name};
  for (size_t i = 1; i < outputs; ++i) node.outputs.push_back(fresh(node.op));
  own_.nodes.push_back(std::move(node));
  return own_.nodes.back().outputs;
}

void Prelude::add_as(const std::string& name, std::string op, std::vector<std::string> inputs,
                     std::vector<graph::Attribute> attributes) {
  graph::Node node;
  node.name = name;
  node.op = std::move(op);
  node.inputs = std::move(inputs);
  node.attributes = std::move(attributes);
  node.outputs = {name};
  own_.nodes.push_back(std::move(node));
}

std::string Prelude::constant(const Tensor& t) {
  std::string name = fresh("constant");
  own_.initializers.emplace(name, graph::Value(contiguous(t)));
  return name;
}

std::string Prelude::number(double value, DType dtype) { return constant(Tensor::scalar(value, dtype)); }

std::string Prelude::ints(const std::vector<int64_t>& values) {
  return constant(Tensor::from(values, {std::ssize(values)}));
}

std::string Prelude::cast(const std::string& x, DType dtype) {
  return add("Cast", {x}, {attribute("to", static_cast<int64_t>(graph::element_of(dtype)))});
}

void Prelude::put_before(graph::Graph& graph) {
  own_.nodes.insert(own_.nodes.end(), std::make_move_iterator(graph.nodes.begin()),
                    std::make_move_iterator(graph.nodes.end()));
  graph.nodes = std::move(own_.nodes);
  graph.initializers.merge(own_.initializers);
}

}  // namespace dlb::deploy
