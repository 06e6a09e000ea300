#pragma once
/// \file Limited-memory BFGS.

#include <optional>

#include "dlb/optim/optimizer.h"

namespace dlb::optim {

/// Up to max_iter steps along d = -H g per update, where H, the estimate of the inverse Hessian, follows from
/// the last history_size changes of w and g. A step has length lr (the very first lr min(1, 1 / sum |g|)), or
/// what a search by cubic interpolation finds, for which f(w + t d) <= f(w) + 1e-4 t g'd and
/// |g(w + t d)'d| <= 0.9 |g'd| (the strong Wolfe conditions). Each step evaluates the loss and its gradient
/// again, on the same batch: batches should be large, best the whole data. torch.optim.LBFGS's loop and
/// tolerances. State takes 2 history_size + 2 times the memory of the parameters. **Source**: Liu & Nocedal,
/// Mathematical Programming 45, 1989; Nocedal & Wright, "Numerical optimization", chapters 3 and 7.
struct Lbfgs : Optimizer {
  Lbfgs() { lr = 1; }
  int64_t max_iter = 20;
  std::optional<int64_t> max_eval;
  double tolerance_grad = 1e-7;
  double tolerance_change = 1e-9;
  int64_t history_size = 100;
  std::string line_search_fn = "none";
  static Fields fields();
  bool needs_closure() const override { return true; }
  std::vector<State> state() const override;

 protected:
  /// Errors: config for groups, which share one direction.
  void make_state() override;
  void update(double lr_now, double scale) override;
  void update_with(double lr_now, const Evaluation& first, const Closure& again) override;

 private:
  template <class T>
  void run(double lr_now, const Evaluation& first, const Closure& again);
  int64_t numel_ = 0;
  Tensor direction_, gradient_;        ///< of the last step: [n]
  Tensor gradient_changes_, changes_;  ///< rings of [history_size, n]
  Tensor numbers_;                     ///< see Number in the .cpp, then one 1 / y's for each row of the rings
};

}  // namespace dlb::optim
