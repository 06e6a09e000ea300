#pragma once
/// \file Losses as chosen in a config (`loss: cross_entropy`).

#include <span>
#include <utility>

#include "dlb/base/fields.h"
#include "dlb/ops/loss.h"

namespace dlb::nn {

/// A loss with its options. It gives the sum and the divisor separately: see ops/loss.h.
class Loss {
 public:
  virtual ~Loss() = default;
  /// Any number of predictions and targets, within predictions() and targets(). The default demands one of
  /// each and calls compute(); a loss that takes another number overrides this and the two ranges. Errors:
  /// shape, dtype, as far as kMeta tensors tell; data.
  virtual LossSum evaluate(Inputs predictions, Inputs targets) const;
  /// One prediction, one target.
  virtual LossSum compute(const Tensor& prediction, const Tensor& target) const;
  /// Least and most number of predictions: values that `in` names, or the model's outputs.
  virtual std::pair<int, int> predictions() const { return {1, 1}; }
  /// Least and most number of targets: the data's target columns, or what `target` names.
  virtual std::pair<int, int> targets() const { return {1, 1}; }
};

using LossType = TypeInfo<Loss>;
std::span<const LossType> loss_types();

}  // namespace dlb::nn
