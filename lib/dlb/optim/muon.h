#pragma once
/// \file Momentum made orthogonal. Symbols as in optimizers.h.

#include "dlb/optim/optimizers.h"

namespace dlb::optim {

/// What Muon does with parameters that are no matrices, and with those of these names: AdamW's rule.
struct MuonOthers {
  std::vector<std::string> match;
  std::optional<double> lr;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0.01;
  static Fields fields();
};

/// b <- b + (1 - momentum) (g - b); u = b, or g + momentum (b - g) with Nesterov; w <- w (1 - lr
/// weight_decay) - lr s O(u), for matrices [A, B]. O nearly replaces the singular values of u by 1:
/// X = u / max(|u|, eps), then ns_steps times X <- a X + (b X X^T + c (X X^T)^2) X, in the parameter's dtype
/// (PyTorch rounds to bfloat16 here). s = sqrt(max(1, A / B)), of match_rms_adamw 0.2 sqrt(max(A, B)), of
/// spectral_unclamped sqrt(A / B). **Source**: Jordan et al., "Muon: an optimizer for hidden layers in neural
/// networks", 2024; Liu et al., "Muon is scalable for LLM training", 2025.
struct Muon : Optimizer {
  double weight_decay = 0.1;
  double momentum = 0.95;
  bool nesterov = true;
  std::vector<double> ns_coefficients = {3.4445, -4.7750, 2.0315};
  double eps = 1e-7;
  int64_t ns_steps = 5;
  std::string adjust_lr_fn = "original";
  MuonOthers adamw;
  static Fields fields();
  std::vector<State> state() const override;

 protected:
  /// Errors: config for a pattern of adamw.match that matches no parameter.
  void make_state() override;
  void update(double lr_now, double scale) override;

 private:
  template <class T>
  void update_matrix(const Param& p, const Tensor& buffer, const Tensor& gradient, double lr_now,
                     double scale);
  std::vector<Param> matrices_;
  std::vector<Tensor> buffers_;
  AdamW others_;
};

}  // namespace dlb::optim
