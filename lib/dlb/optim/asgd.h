#pragma once
/// \file Averaged stochastic gradient descent. Symbols as in optimizers.h.

#include "dlb/optim/optimizer.h"

namespace dlb::optim {

/// w <- w (1 - lambd eta) - eta g with eta = lr at first, then lr / (1 + lambd lr t)^alpha of the update
/// before; a <- a + (w - a) / max(1, t - 1 - t0). The averages `a` are kept in checkpoints; training does not
/// use them. **Source**: Polyak & Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
struct Asgd : Optimizer {
  Asgd() { lr = 0.01; }
  double lambd = 1e-4;
  double alpha = 0.75;
  double t0 = 1e6;
  double weight_decay = 0;
  static Fields fields();
  std::vector<State> state() const override;

 protected:
  void make_state() override;
  void update(double lr_now, double scale) override;

 private:
  std::vector<Tensor> average_;
  Tensor last_lr_;  ///< of the update before
};

}  // namespace dlb::optim
