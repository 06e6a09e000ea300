#pragma once
/// \file Graphs of ONNX operators: what model files hold, exports write and sessions run.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "dlb/graph/value.h"

namespace dlb::graph {

struct Graph;

/// A value of a node that is fixed when the graph is made.
struct Attribute {
  std::string name;
  using Ints = std::vector<int64_t>;
  using Floats = std::vector<float>;
  using Strings = std::vector<std::string>;
  using Subgraph = std::shared_ptr<Graph>;
  std::variant<std::monostate, int64_t, float, std::string, Ints, Floats, Strings, Value, Subgraph,
               std::vector<Value>, std::vector<Subgraph>>
      value;
  /// Within a function: the attribute of the caller that stands for this one; "" for none.
  std::string refers_to;
};

/// A node computes its outputs from its inputs. Names of values are local to the graph and those around it;
/// "" is an optional input that is left out, or an output that nobody wants.
struct Node {
  std::string op;      ///< "Conv"
  std::string domain;  ///< "" is ONNX's own
  std::string name;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<Attribute> attributes;
  int64_t opset = 0;    ///< version of its domain where that is not the model's: in functions; else 0
  int64_t number = -1;  ///< in the graph as it was given; -1: where it stands

  const Attribute* find(std::string_view attribute) const;
};
/// "node 'conv1' (Conv)" or "node 3 (Conv)": for messages.
std::string describe(const Node& node, size_t index);

/// One size of a declared shape: known, named, or neither.
struct Dim {
  std::optional<int64_t> size;
  std::string name;
};

/// An input or output as the graph declares it.
struct Declared {
  std::string name;
  Value::Kind kind = Value::Kind::kTensor;
  Element element = Element::kUndefined;  ///< kUndefined: any
  std::optional<std::vector<Dim>> shape;  ///< none: of any rank
  bool optional = false;                  ///< may be nothing
  std::string doc = {};                   ///< what it is, in words
};
/// "float32[N, 3, 224, 224]"
std::string describe(const Declared& declared);

struct Graph {
  std::string name;
  std::vector<Node> nodes;  ///< each after those whose outputs it takes
  std::vector<Declared> inputs;
  std::vector<Declared> outputs;
  std::map<std::string, Value> initializers;  ///< constants; of an input: its default
};

/// A function of a model: nodes that stand for one.
struct Function {
  std::string domain;
  std::string name;
  std::vector<std::string> inputs, outputs, attributes;
  std::vector<Attribute> defaults;  ///< of attributes
  std::vector<Node> nodes;
  std::map<std::string, int64_t> opsets;
};

struct Model {
  Graph graph;
  std::map<std::string, int64_t> opsets;  ///< version of each domain that the nodes use
  std::vector<Function> functions;
  std::string producer;
  std::map<std::string, std::string> metadata;
};

/// Number of elements of all initializers and constants, those of subgraphs included.
int64_t parameter_count(const Graph& graph);

}  // namespace dlb::graph
