#pragma once
/// \file x[...] in expressions on tensors.

#include <optional>
#include <vector>

#include "dlb/functional/value.h"

namespace dlb::model {

/// One entry between the brackets.
struct Subscript {
  enum class Kind { kValue, kSlice, kEllipsis };
  Kind kind = Kind::kValue;
  functional::Value value;  ///< a whole number, none, a tensor or a list of whole numbers
  std::optional<int64_t> start, end, step;
};

/// base[subscripts] as in PyTorch; of a list, one whole number. Errors: config (too many, or of a kind that
/// does not index), shape (out of range, a mask where only shapes are known).
functional::Value subscripted(const functional::Value& base, const std::vector<Subscript>& subscripts,
                              bool shapes_only);

}  // namespace dlb::model
