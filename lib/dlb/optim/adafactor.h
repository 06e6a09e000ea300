#pragma once
/// \file Adam's second moment in the memory of its rows and columns. Symbols as in optimizers.h.

#include <optional>

#include "dlb/optim/optimizer.h"

namespace dlb::optim {

struct Update;

/// For a matrix (the last two dimensions; all before are a batch) V_ij = r_i c_j / max(mean r, eps1), where r
/// and c are running means of the mean squares of g's rows and columns; for a vector V is that of its
/// squares. All means keep 1 - t^beta2_decay. u = g / max(sqrt V, eps1);
/// w <- w (1 - lr weight_decay) - a / max(1, rms(u) / d) u with a = max(eps2, rms(w)) min(lr, 1 / sqrt t).
/// **Source**: Shazeer & Stern, "Adafactor", ICML 2018; the variant of torch.optim.Adafactor.
struct Adafactor : Optimizer {
  Adafactor() { lr = 0.01; }
  double beta2_decay = -0.8;
  std::optional<double> eps1;  ///< machine epsilon of the parameter's dtype
  double eps2 = 1e-3;
  double d = 1;
  double weight_decay = 0;
  static Fields fields();
  std::vector<State> state() const override;

 protected:
  void make_state() override;
  void update(double lr_now, double scale) override;

 private:
  template <class T>
  void update_matrix(const Update& u, double scale);
  template <class T>
  void update_vector(const Update& u, double scale);
  template <class T>
  double smallest() const;
  /// Of a matrix rows_ and columns_ are defined, of a vector variance_.
  std::vector<Tensor> rows_, columns_, variance_;
};

}  // namespace dlb::optim
