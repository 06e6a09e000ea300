#pragma once
/// \file Losses as chosen in a config (`loss: cross_entropy`).

#include <span>

#include "dlb/base/fields.h"
#include "dlb/ops/loss.h"

namespace dlb::nn {

/// A loss with its options. compute() gives the sum and the divisor separately: see ops/loss.h.
class Loss {
 public:
  virtual ~Loss() = default;
  virtual LossSum compute(const Tensor& prediction, const Tensor& target) const = 0;
};

using LossType = TypeInfo<Loss>;
std::span<const LossType> loss_types();

}  // namespace dlb::nn
