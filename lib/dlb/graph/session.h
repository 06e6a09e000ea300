#pragma once
/// \file Sessions: graphs made ready to run.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dlb/graph/graph.h"

namespace dlb::graph {

/// What is known of a value without running the graph.
struct Inferred {
  std::string name;
  bool known = false;
  Value value;  ///< without data where that depends on the inputs'
};

/// A model that was checked and can be run many times. Not for several threads at once.
class Session {
 public:
  /// Checks the model: every operator is known in its opset, every value is made once, before it is used.
  /// Functions are replaced by their nodes; what depends on constants alone is computed. `optimized`: the
  /// graph is rewritten to run faster (optimize.h), after which values between inputs and outputs may have no
  /// names. The constants' memory is frozen. Errors: config and unsupported, all of them in one report.
  explicit Session(Model model, bool optimized = true);
  ~Session();
  Session(Session&&) noexcept;

  const Model& model() const;
  /// Inputs that must be given: those without a default.
  std::vector<Declared> required_inputs() const;

  /// Runs the graph and gives its outputs in their order. What operators without a seed of their own draw
  /// follows from `seed`. Errors: config for inputs that are missing, unknown or of another type or shape
  /// than declared; those of the operators, naming the node.
  std::vector<Value> run(const std::map<std::string, Value>& inputs, uint64_t seed = 0) const;

  /// Types and shapes of all named values, for inputs of which the shape is enough (tensors on kMeta). What
  /// depends on data is unknown. Errors: as run().
  std::vector<Inferred> infer(const std::map<std::string, Value>& inputs) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The model with each call of a function replaced by the function's nodes. Errors: config where functions
/// call each other in a circle or grow beyond 1,000,000 nodes.
Model inline_functions(Model model);

/// The model with an attribute `body` at each Gradient node: the graph that it differentiates. Errors: config
/// where its attributes do not fit its inputs; unsupported for gradients of gradients.
Model expand_gradients(Model model);

}  // namespace dlb::graph
