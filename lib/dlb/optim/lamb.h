#pragma once
/// \file Adam with a rate for each tensor. Symbols as in optimizers.h; m and v as in Adam.

#include "dlb/optim/optimizer.h"

namespace dlb::optim {

/// r = m / (1 - beta1^t) / (sqrt(v / (1 - beta2^t)) + eps) + weight_decay w; w <- w - lr |w| / |r| r, where
/// the quotient of norms, over the whole tensor, is 1 if either is 0. Without bias_correction m and v are
/// taken as they are. **Source**: You et al., "Large batch optimization for deep learning", ICLR 2020.
struct Lamb : Optimizer {
  double beta1 = 0.9;
  double beta2 = 0.999;
  std::vector<double> betas;
  double eps = 1e-6;
  double weight_decay = 0.01;
  bool bias_correction = true;
  static Fields fields();
  std::vector<State> state() const override;

 protected:
  void make_state() override;
  void update(double lr_now, double scale) override;

 private:
  std::vector<Tensor> mean_, square_;
};

}  // namespace dlb::optim
