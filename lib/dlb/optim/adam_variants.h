#pragma once
/// \file Relatives of Adam: Adamax, NAdam and RAdam. Symbols as in optimizers.h; m and v as in Adam.

#include "dlb/optim/optimizer.h"

namespace dlb::optim {

/// m <- beta1 m + (1 - beta1) g; u <- max(beta2 u, |g| + eps); w <- w - lr m / ((1 - beta1^t) u).
/// **Source**: Kingma & Ba, "Adam", ICLR 2015, section 7.1.
struct Adamax : Optimizer {
  Adamax() { lr = 2e-3; }
  double beta1 = 0.9;
  double beta2 = 0.999;
  std::vector<double> betas;
  double eps = 1e-8;
  double weight_decay = 0;
  static Fields fields();
  std::vector<State> state() const override;

 protected:
  void make_state() override;
  void update(double lr_now, double scale) override;

 private:
  std::vector<Tensor> mean_, largest_;
};

/// With mu_t = beta1 (1 - 0.96^(t momentum_decay) / 2) and M_t their product so far:
/// w <- w - lr ((1 - mu_t) g / (1 - M_t) + mu_(t+1) m / (1 - M_(t+1))) / (sqrt(v / (1 - beta2^t)) + eps).
/// **Source**: Dozat, "Incorporating Nesterov momentum into Adam", ICLR workshop 2016.
struct NAdam : Optimizer {
  NAdam() { lr = 2e-3; }
  double beta1 = 0.9;
  double beta2 = 0.999;
  std::vector<double> betas;
  double eps = 1e-8;
  double weight_decay = 0;
  double momentum_decay = 4e-3;
  bool decoupled_weight_decay = false;
  static Fields fields();
  std::vector<State> state() const override;

 protected:
  void make_state() override;
  void update(double lr_now, double scale) override;

 private:
  double mu(int64_t t) const;
  /// M_t: carried on from update to update, made anew after set_steps().
  double product_ = 1;
  int64_t product_of_ = 0;
  std::vector<Tensor> mean_, square_;
};

/// With r = 2 / (1 - beta2) - 1 and r_t = r - 2 t beta2^t / (1 - beta2^t): w <- w - lr m / (1 - beta1^t), and
/// where r_t > 5 times sqrt((r_t - 4) (r_t - 2) r / ((r - 4) (r - 2) r_t)) sqrt(1 - beta2^t) / (sqrt(v) +
/// eps). **Source**: Liu et al., "On the variance of the adaptive learning rate and beyond", ICLR 2020.
struct RAdam : Optimizer {
  double beta1 = 0.9;
  double beta2 = 0.999;
  std::vector<double> betas;
  double eps = 1e-8;
  double weight_decay = 0;
  bool decoupled_weight_decay = false;
  static Fields fields();
  std::vector<State> state() const override;

 protected:
  void make_state() override;
  void update(double lr_now, double scale) override;

 private:
  std::vector<Tensor> mean_, square_;
};

}  // namespace dlb::optim
