#pragma once
/// \file Nodes that are put before those of a graph.

#include <set>
#include <string>
#include <vector>

#include "dlb/graph/graph.h"

namespace dlb::deploy {

/// Nodes and constants with names that the graph does not have, each after those that it reads.
class Prelude {
 public:
  /// Names begin with `prefix`.
  Prelude(const graph::Graph& graph, std::string prefix);

  /// Adds a node with one output, and gives its name.
  std::string add(std::string op, std::vector<std::string> inputs,
                  std::vector<graph::Attribute> attributes = {}) {
    return add_many(std::move(op), std::move(inputs), std::move(attributes), 1)[0];
  }
  std::vector<std::string> add_many(std::string op, std::vector<std::string> inputs,
                                    std::vector<graph::Attribute> attributes, size_t outputs);
  /// Adds a node whose output has that very name.
  void add_as(const std::string& name, std::string op, std::vector<std::string> inputs,
              std::vector<graph::Attribute> attributes);
  std::string constant(const Tensor& t);
  std::string number(double value, DType dtype = DType::kFloat32);
  std::string ints(const std::vector<int64_t>& values);
  std::string cast(const std::string& x, DType dtype);
  /// Moves everything to the front of the graph.
  void put_before(graph::Graph& graph);

 private:
  std::string fresh(const std::string& stem);
  std::string prefix_;
  std::set<std::string> names_;
  graph::Graph own_;
};

}  // namespace dlb::deploy
