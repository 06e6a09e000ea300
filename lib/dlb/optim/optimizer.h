#pragma once
/// \file Optimizers: a described struct with an update rule, fused over all parameters.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dlb/base/fields.h"
#include "dlb/base/glob.h"
#include "dlb/config/node.h"
#include "dlb/tensor/tensor.h"

namespace dlb::optim {

/// One parameter as an optimizer sees it.
struct Param {
  std::string name;
  Tensor value;              ///< a leaf; its grad() is read, its data updated in place
  double lr_scale = 1;       ///< of its group
  double weight_decay = -1;  ///< of its group; < 0: the optimizer's own
};

/// A named tensor of the optimizer's state, for checkpoints ("exp_avg/conv1.weight").
struct State {
  std::string name;
  Tensor value;
};

/// The loss at the parameters' present values, whose gradient is `scale` times what stands in their grad().
struct Evaluation {
  double loss = 0;
  double scale = 1;
};
/// Computes the same loss again, after the parameters have changed.
using Closure = std::function<Evaluation()>;

/// An optimizer. `lr`, `groups` and, of most, `maximize` are described fields: see optimizer_types().
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  double lr = 1e-3;
  bool maximize = false;  ///< climb instead of descend
  config::Node groups;    ///< list of {match: pattern or list, lr_scale, weight_decay}; the first match wins

  /// Takes the parameters, assigns groups, makes zeroed state. Errors: config for a group that matches
  /// nothing.
  void attach(std::vector<Param> params);
  /// One update with the learning rate `lr_now` (the schedule's) and gradients in grad(); a parameter without
  /// gradient is left. `scale` multiplies each gradient as it is read (accumulation divisor and clipping,
  /// without a pass of its own).
  void step(double lr_now, double scale);
  /// The same for any optimizer: one that needs the closure calls it, and leaves the gradients of its last
  /// call.
  void step(double lr_now, const Evaluation& first, const Closure& again);
  /// Whether an update evaluates the loss several times.
  virtual bool needs_closure() const { return false; }
  /// State tensors by stable names; the step counter is steps().
  virtual std::vector<State> state() const = 0;
  int64_t steps() const { return steps_; }
  void set_steps(int64_t n) { steps_ = n; }
  const std::vector<Param>& params() const { return params_; }

 protected:
  /// Called by attach() after params_ is set.
  virtual void make_state() = 0;
  /// One update; steps_ is its number from 1, and `scale` has the sign that maximize gives it.
  virtual void update(double lr_now, double scale) = 0;
  /// One update of an optimizer that needs the closure. Losses and scales are what the closure says, without
  /// the sign that maximize gives them.
  virtual void update_with(double lr_now, const Evaluation& first, const Closure& again);
  std::vector<Param> params_;
  int64_t steps_ = 0;
};

using OptimizerType = TypeInfo<Optimizer>;
/// sgd, adam, adamw, rmsprop, adagrad, adadelta, adamax, nadam, radam, asgd, rprop, lion, lamb, adafactor,
/// muon, lbfgs
std::span<const OptimizerType> optimizer_types();

/// sqrt(sum of squares of all gradients), in float64, in a fixed order.
double grad_norm(std::span<const Param> params);
/// The same of all elements of these dense tensors.
double norm(const std::vector<Tensor>& tensors);
/// Limits each gradient element to [-limit, limit], in place.
void clip_grad_value(std::span<const Param> params, double limit);
/// Over full parameter names.
using dlb::matches;

}  // namespace dlb::optim
