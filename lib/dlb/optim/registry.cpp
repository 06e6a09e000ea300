#include <vector>

#include "dlb/optim/adafactor.h"
#include "dlb/optim/adam_variants.h"
#include "dlb/optim/adaptive.h"
#include "dlb/optim/asgd.h"
#include "dlb/optim/lamb.h"
#include "dlb/optim/lbfgs.h"
#include "dlb/optim/muon.h"
#include "dlb/optim/optimizers.h"
#include "dlb/optim/sign.h"

namespace dlb::optim {

std::span<const OptimizerType> optimizer_types() {
  static const std::vector<OptimizerType> types = {
      type_info<Optimizer, Sgd>("sgd", "stochastic gradient descent with optional momentum"),
      type_info<Optimizer, Adam>("adam", "steps scaled by running means of the gradient and its square"),
      type_info<Optimizer, AdamW>("adamw", "adam with weight decay apart from the gradient"),
      type_info<Optimizer, RmsProp>("rmsprop", "steps scaled by a running mean of the squared gradient"),
      type_info<Optimizer, Adagrad>("adagrad", "steps scaled by the sum of all squared gradients so far"),
      type_info<Optimizer, Adadelta>("adadelta", "steps as large as the last ones, without a rate to choose"),
      type_info<Optimizer, Adamax>("adamax", "adam with the largest gradient in place of the mean square"),
      type_info<Optimizer, NAdam>("nadam", "adam with Nesterov's momentum"),
      type_info<Optimizer, RAdam>("radam", "adam that waits until its mean square can be relied on"),
      type_info<Optimizer, Asgd>("asgd", "stochastic gradient descent that averages its parameters"),
      type_info<Optimizer, Rprop>("rprop", "steps from the signs of successive full gradients"),
      type_info<Optimizer, Lion>("lion", "steps of one size, from the sign of a mean of gradients"),
      type_info<Optimizer, Lamb>("lamb", "adam with a rate for each tensor, for large batches"),
      type_info<Optimizer, Adafactor>("adafactor", "mean squares kept by row and column, in little memory"),
      type_info<Optimizer, Muon>("muon", "orthogonal momentum for matrices, adamw for the rest"),
      type_info<Optimizer, Lbfgs>("lbfgs",
                                  "steps along an estimate of Newton's direction, for large batches"),
  };
  return types;
}

}  // namespace dlb::optim
