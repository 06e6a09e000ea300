#pragma once
/// \file Calls of a reference case, with its tensors replaced.

#include <functional>

#include "vectors.h"

namespace dlb::testing {

using TensorMap = std::function<Tensor(const Tensor&)>;

/// The case's arguments with every tensor replaced; the new ones require a gradient where the old ones did.
struct Arguments {
  std::vector<Value> args;
  NamedValues named;
  std::vector<Tensor> leaves;  ///< those that require a gradient, in order of appearance
};
Arguments replaced(const Case& c, const TensorMap& map);

/// Calls the variant's function, in the argument order that OpInfo's own entry uses. The tensors of the
/// result, in order; `plain` gets a result that is none.
std::vector<Tensor> call(const Variant& variant, const Arguments& arguments, Value* plain = nullptr);
/// Which function and signature the case calls.
functional::Binding bind(const Variant& variant, const Arguments& arguments);

}  // namespace dlb::testing
