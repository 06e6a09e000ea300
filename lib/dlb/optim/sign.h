#pragma once
/// \file Optimizers that use the sign of gradients: Rprop and Lion. Symbols as in optimizers.h.

#include "dlb/optim/optimizer.h"

namespace dlb::optim {

/// Each element has a step s, lr at first. Where g has the sign of the last gradient, s <- min(eta_plus s,
/// step_size_max); where it has the other, s <- max(eta_minus s, step_size_min) and g counts as 0. Then
/// w <- w - s sign(g). For gradients of the whole data: batches make signs flicker. The schedule acts on the
/// first update alone. **Source**: Riedmiller & Braun, ICNN 1993.
struct Rprop : Optimizer {
  Rprop() { lr = 0.01; }
  double eta_minus = 0.5;
  double eta_plus = 1.2;
  double step_size_min = 1e-6;
  double step_size_max = 50;
  static Fields fields();
  std::vector<State> state() const override;

 protected:
  void make_state() override;
  void update(double lr_now, double scale) override;

 private:
  std::vector<Tensor> previous_, size_;  ///< a size of 0 stands for one not yet set
};

/// w <- w (1 - lr weight_decay) - lr sign(beta1 m + (1 - beta1) g); m <- beta2 m + (1 - beta2) g.
/// **Source**: Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023.
struct Lion : Optimizer {
  Lion() { lr = 1e-4; }
  double beta1 = 0.9;
  double beta2 = 0.99;
  std::vector<double> betas;
  double weight_decay = 0;
  static Fields fields();
  std::vector<State> state() const override;

 protected:
  void make_state() override;
  void update(double lr_now, double scale) override;

 private:
  std::vector<Tensor> mean_;
};

}  // namespace dlb::optim
