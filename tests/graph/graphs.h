#pragma once
/// \file Small graphs for tests.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dlb/graph/session.h"

namespace dlb::test {

using graph::Attribute;
using graph::Declared;
using graph::Element;
using graph::Graph;
using graph::Model;
using graph::Node;
using graph::Session;
using graph::Texts;
using graph::Value;

template <class T>
Attribute attribute(std::string name, T value) {
  Attribute a;
  a.name = std::move(name);
  a.value = std::move(value);
  return a;
}
inline Attribute attribute(std::string name, const char* text) {
  return attribute(std::move(name), std::string(text));
}
inline Attribute attribute(std::string name, int value) { return attribute(std::move(name), int64_t{value}); }
inline Attribute attribute(std::string name, Graph graph) {
  return attribute(std::move(name), std::make_shared<Graph>(std::move(graph)));
}

inline Node node(std::string op, std::vector<std::string> inputs, std::vector<std::string> outputs,
                 std::vector<Attribute> attributes = {}, std::string domain = "") {
  Node n;
  n.op = std::move(op);
  n.inputs = std::move(inputs);
  n.outputs = std::move(outputs);
  n.attributes = std::move(attributes);
  n.domain = std::move(domain);
  return n;
}

inline std::vector<Declared> declared(const std::vector<std::string>& names) {
  std::vector<Declared> all;
  for (const std::string& name : names) {
    Declared d;
    d.name = name;
    all.push_back(d);
  }
  return all;
}

inline Graph graph_of(const std::vector<std::string>& inputs, std::vector<Node> nodes,
                      const std::vector<std::string>& outputs) {
  Graph g;
  g.inputs = declared(inputs);
  g.nodes = std::move(nodes);
  g.outputs = declared(outputs);
  return g;
}

inline Model model_of(Graph graph, int64_t opset = 24) {
  Model m;
  m.graph = std::move(graph);
  m.opsets = {{"", opset}, {"ai.onnx.ml", 4}, {"ai.onnx.preview.training", 1}};
  return m;
}

inline Value floats(const std::vector<float>& values, Shape shape) {
  return Value(Tensor::from(values, std::move(shape)));
}
inline Value floats(const std::vector<float>& values) {
  return floats(values, {static_cast<int64_t>(values.size())});
}
inline Value integers(const std::vector<int64_t>& values, Shape shape) {
  return Value(Tensor::from(values, std::move(shape)));
}
inline Value integers(const std::vector<int64_t>& values) {
  return integers(values, {static_cast<int64_t>(values.size())});
}
inline Value integer(int64_t value) { return integers({value}, {}); }
inline Value truth(bool value) { return Value(Tensor::scalar(value ? 1 : 0, DType::kBool)); }
inline Value texts(std::vector<std::string> items) {
  const auto count = static_cast<int64_t>(items.size());
  return Value(Texts{{count}, std::move(items)});
}
/// Of a type that tensors do not have.
inline Value of_type(const std::vector<int64_t>& values, Element e) {
  return Value(graph::convert(integers(values).tensor, Element::kInt64, e), e);
}

inline std::vector<double> numbers(const Value& v) { return v.tensor.to_vector<double>(); }
inline std::vector<int64_t> wholes(const Value& v) { return v.tensor.to_vector<int64_t>(); }

/// The outputs of one node with inputs "0", "1", ...; an input that is nothing is left out.
inline std::vector<Value> apply(const std::string& op, const std::vector<Value>& inputs,
                                std::vector<Attribute> attributes = {}, int64_t opset = 24,
                                size_t outputs = 1, const std::string& domain = "") {
  Node n = node(op, {}, {}, std::move(attributes), domain);
  std::map<std::string, Value> given;
  std::vector<std::string> names, results;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const std::string name = std::to_string(i);
    n.inputs.push_back(inputs[i].none() ? "" : name);
    if (inputs[i].none()) continue;
    names.push_back(name);
    given[name] = inputs[i];
  }
  for (size_t i = 0; i < outputs; ++i) results.push_back("out" + std::to_string(i));
  n.outputs = results;
  Graph g = graph_of(names, {n}, results);
  for (Declared& d : g.inputs) d.kind = given[d.name].kind;
  Model m = model_of(std::move(g), opset);
  if (!domain.empty()) m.opsets[domain] = opset;
  return Session(std::move(m)).run(given);
}

}  // namespace dlb::test
