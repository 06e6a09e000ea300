#pragma once
/// \file A mean over many batches, as what it is made of.

#include <vector>

namespace dlb::train {

/// The mean is sum / count.
struct TermSum {
  double sum = 0;
  double count = 0;
  double mean() const { return sum / count; }
};
/// One for each term of an objective; empty when it has not been evaluated.
using TermSums = std::vector<TermSum>;

}  // namespace dlb::train
