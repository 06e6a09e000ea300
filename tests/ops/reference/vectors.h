#pragma once
/// \file Reference vectors: calls of operators in PyTorch's convention with what PyTorch computed, as
/// tests/golden/make_opinfo.py writes them.

#include <optional>
#include <string>
#include <vector>

#include "dlb/functional/function.h"

namespace dlb::testing {

using functional::List;
using functional::NamedValues;
using functional::Value;

/// One call. Tensors among the arguments carry requires_grad.
struct Case {
  std::string id;
  std::vector<Value> args;  ///< the input first
  NamedValues named;
  std::vector<Tensor> outputs;
  Value value;  ///< a result that is no tensor
  bool has_grads = false;
  /// For the inputs that require a gradient, in order of appearance; undefined: none expected.
  std::vector<Tensor> grads;
};

struct Variant {
  std::string name;      ///< "nn.functional.pad.reflect"
  std::string function;  ///< its function here: "pad"
  std::vector<Case> cases;
};

/// Names of all variants of a folder, in the index's order.
std::vector<std::string> variant_names(const std::string& folder);
/// The variants whose name contains `filter`. Errors: io, data.
std::vector<Variant> read_vectors(const std::string& folder, const std::string& filter = "");

/// The function that a variant calls, "" when there is none: variants append their own part to the name.
std::string function_of(const std::string& variant);

}  // namespace dlb::testing
