#pragma once
/// \file Reading a layer's optional inputs, and checks that several layers share.

#include "dlb/nn/layer.h"

namespace dlb::nn {

/// Input `i`, or an undefined tensor where the step does not give it.
inline Tensor input_or_none(Inputs inputs, size_t i) { return i < inputs.size() ? inputs[i] : Tensor{}; }

/// One output as a list.
inline Outputs one(Tensor y) {
  Outputs out;
  out.push_back(std::move(y));
  return out;
}

/// Heads of attention: so many that products with features stay within 64 bits.
inline constexpr int64_t kMostHeads = 1 << 16;
/// Raises a shape error for features beyond 2^40, with which products of sizes may overflow.
void expect_features(int64_t features, std::string_view layer);

/// Raises "<layer> expects <what> of whole numbers, got float32[8, 4]" unless input `i` has an integer type.
void expect_whole_numbers(const Build& b, size_t i, std::string_view layer, std::string_view what);
/// Raises "<layer> expects <what> <form>, got [8, 4]" unless `holds`.
void expect_input(bool holds, const Build& b, size_t i, std::string_view layer, std::string_view what,
                  std::string_view form);

}  // namespace dlb::nn
