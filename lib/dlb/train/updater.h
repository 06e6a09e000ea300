#pragma once
/// \file One update of the weights from a window of batches.

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "dlb/data/loader.h"
#include "dlb/optim/average.h"
#include "dlb/train/experiment.h"

namespace dlb::train {

/// What one update saw and did.
struct UpdateResult {
  int64_t batches = 0;  ///< in the window
  int64_t samples = 0;
  double loss_sum = 0;
  double loss_count = 0;  ///< the mean loss is loss_sum / loss_count
  double lr = 0;
  std::optional<double> grad_norm;  ///< before clipping, where clip_norm asks for it
  double loss() const { return loss_sum / loss_count; }
};

/// Updates the experiment's model, which has been given its weights. The gradient of an update is that of the
/// mean loss over the whole window: sum over batches of d(loss sum)/d(weights), divided by the total count,
/// so that `accumulate` equals one large batch.
class Updater {
 public:
  explicit Updater(Experiment& experiment);

  /// Reads up to `accumulate` batches; nothing when `loader` has none left. `micro_step` is the number of the
  /// first in the whole run. With `measure`, the experiment's metrics are fed. Errors: numeric, before the
  /// weights are touched, when the loss or a gradient is not finite and `on_nan` says stop.
  std::optional<UpdateResult> update(data::Loader& loader, int64_t micro_step, bool measure);

  /// The moving average of the weights, nullptr when the run keeps none.
  optim::ParameterAverage* average() { return average_.get(); }
  /// Trainable parameters that `average` covers, with their names.
  const std::vector<optim::Param>& params() const { return experiment_.optimizer->params(); }

 private:
  void check_finite(const UpdateResult& result, const nn::Context& context, Inputs inputs);
  void apply(UpdateResult& result);

  Experiment& experiment_;
  std::unique_ptr<optim::ParameterAverage> average_;
  bool warned_ = false;
};

/// The model's trainable parameters, as an optimizer wants them.
std::vector<optim::Param> trainable(model::Model& model);

/// While it lives, the model has its averaged weights, where there are any.
class AverageScope {
 public:
  explicit AverageScope(optim::ParameterAverage* average) : average_(average) {
    if (average_ != nullptr) average_->swap();
  }
  ~AverageScope() {
    if (average_ != nullptr) average_->swap();
  }
  AverageScope(const AverageScope&) = delete;
  AverageScope& operator=(const AverageScope&) = delete;

 private:
  optim::ParameterAverage* average_;
};

}  // namespace dlb::train
