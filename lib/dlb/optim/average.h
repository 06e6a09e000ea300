#pragma once
/// \file Exponential moving average of parameters.

#include <vector>

#include "dlb/tensor/tensor.h"

namespace dlb::optim {

/// avg <- d avg + (1 - d) value after each update, with d = min(decay, (1 + n) / (10 + n)) at update n.
class ParameterAverage {
 public:
  ParameterAverage(std::vector<Tensor> values, double decay);
  void update();
  /// Exchanges the data of values and averages, for evaluation; call again to go back.
  void swap();
  const std::vector<Tensor>& averages() const { return averages_; }
  int64_t updates() const { return updates_; }
  void set_updates(int64_t n) { updates_ = n; }

 private:
  std::vector<Tensor> values_, averages_;
  double decay_;
  int64_t updates_ = 0;
};

}  // namespace dlb::optim
