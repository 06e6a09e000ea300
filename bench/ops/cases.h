#pragma once
/// \file Cases of the operator benchmark: an operator on tensors of given sizes, forward or backward.
///
/// A case is named "operator/sizes/forward" or ".../backward", such as "softmax/512x512/forward". What the
/// sizes mean is told where the operator is listed, and torch_ops.py reads them from the name, so that they
/// stand in one place.

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "dlb/ops/op.h"

namespace dlb::bench {

using Sizes = std::vector<int64_t>;

/// An operator with its inputs. The backward pass is measured for those inputs that require a gradient.
struct Case {
  std::function<Tensor()> run;
  std::vector<Tensor> inputs = {};
};

/// One operator at several sizes.
struct Cases {
  std::string name;
  std::function<Case(const Sizes&)> make;
  std::vector<Sizes> sizes;  ///< small, middle, large
  bool backward = false;
};

/// Normal numbers, the same in every run.
Tensor random(Shape shape);
/// The same, a leaf that requires a gradient.
Tensor leaf(Shape shape);
/// Uniform in [low, high).
Tensor random_between(Shape shape, double low, double high);
/// Whole numbers in [0, limit).
Tensor indices(Shape shape, int64_t limit);

/// Enters the cases into Google Benchmark's list.
void add_cases(const std::vector<Cases>& list);

void add_elementwise_cases();
void add_row_cases();
void add_structure_cases();
void add_network_cases();
void add_bandwidth_cases();

}  // namespace dlb::bench
