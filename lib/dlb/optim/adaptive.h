#pragma once
/// \file Adagrad and Adadelta. Symbols as in optimizers.h.

#include "dlb/optim/optimizer.h"

namespace dlb::optim {

/// s <- s + g^2; w <- w - lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps). Row-sparse gradients update their
/// rows alone. **Source**: Duchi et al., "Adaptive subgradient methods", JMLR 2011.
struct Adagrad : Optimizer {
  Adagrad() { lr = 0.01; }
  double lr_decay = 0;
  double weight_decay = 0;
  double initial_accumulator_value = 0;
  double eps = 1e-10;
  static Fields fields();
  std::vector<State> state() const override;

 protected:
  void make_state() override;
  void update(double lr_now, double scale) override;

 private:
  std::vector<Tensor> sum_;
};

/// v <- rho v + (1 - rho) g^2; d = sqrt(a + eps) / sqrt(v + eps) g; a <- rho a + (1 - rho) d^2; w <- w - lr
/// d.
/// **Source**: Zeiler, "ADADELTA", 2012.
struct Adadelta : Optimizer {
  Adadelta() { lr = 1; }
  double rho = 0.9;
  double eps = 1e-6;
  double weight_decay = 0;
  static Fields fields();
  std::vector<State> state() const override;

 protected:
  void make_state() override;
  void update(double lr_now, double scale) override;

 private:
  std::vector<Tensor> square_, delta_;
};

}  // namespace dlb::optim
