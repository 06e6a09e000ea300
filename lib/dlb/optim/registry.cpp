#include <vector>

#include "dlb/optim/optimizers.h"

namespace dlb::optim {

std::span<const OptimizerType> optimizer_types() {
  static const std::vector<OptimizerType> types = {
      type_info<Optimizer, Sgd>("sgd", "stochastic gradient descent with optional momentum"),
      type_info<Optimizer, Adam>("adam", "steps scaled by running means of the gradient and its square"),
      type_info<Optimizer, AdamW>("adamw", "adam with weight decay apart from the gradient"),
      type_info<Optimizer, RmsProp>("rmsprop", "steps scaled by a running mean of the squared gradient"),
  };
  return types;
}

}  // namespace dlb::optim
