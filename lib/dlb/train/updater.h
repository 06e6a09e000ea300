#pragma once
/// \file One update of the weights from a window of batches.

#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "dlb/optim/average.h"
#include "dlb/train/batches.h"
#include "dlb/train/experiment.h"

namespace dlb::train {

/// Where a run is when it begins an update.
struct Position {
  int64_t step = 0;        ///< updates done
  int64_t micro_step = 0;  ///< batches seen
};

/// What one update saw and did.
struct UpdateResult {
  int64_t batches = 0;  ///< in the window
  int64_t samples = 0;
  std::vector<TermSums> sums;  ///< by phase; empty where it had no turn
  double loss = 0;             ///< sum over phases that had a turn, each with its mean over window and passes
  double lr = 0;               ///< of the first of them
  std::optional<double> grad_norm;  ///< before clipping, where clip_norm asks for it; of the last of them
  TermSum reward;                   ///< of the episodes of an environment
  bool measured = false;            ///< the metrics have been fed
};

/// Updates the experiment's model, which has been given its weights, phase by phase. The gradient of a phase
/// is that of its mean loss over the whole window: for each term, the sum over batches of d(loss
/// sum)/d(weights) divided by the total count, so that `accumulate` equals one large batch.
class Updater {
 public:
  explicit Updater(Experiment& experiment);

  /// Reads up to `accumulate` batches; nothing when there are none left. With `measure`, the experiment's
  /// metrics are fed with the first pass of program 0. Errors: numeric, before a phase touches the weights,
  /// when its loss or a gradient is not finite and `on_nan` says stop; config when a phase's loss does not
  /// depend on what it updates.
  std::optional<UpdateResult> update(Batches& source, const Position& at, bool measure);

  /// The moving average of the weights, nullptr when the run keeps none.
  optim::ParameterAverage* average() { return average_.get(); }
  /// Trainable parameters that `average` covers, with their names.
  const std::vector<optim::Param>& params() const { return params_; }

 private:
  /// The next batch of the window, nullptr at its end.
  using Next = std::function<const data::Batch*()>;
  /// The loss's gradient is `scale` times what stands in the parameters' grad().
  struct Gradient {
    TermSums sums;
    double scale = 1;
  };
  /// The gradients of each term, kept apart until the terms' counts over the window are known.
  using Parts = std::vector<std::vector<Tensor>>;
  class OnlyThese;

  std::optional<data::Batch> next_batch(Batches& source);
  Gradient evaluate(const Phase& phase, const Next& next, const Position& at, uint32_t pass, bool measure);
  void differentiate(const Phase& phase, const std::vector<LossSum>& losses, const TermSums& sums,
                     Parts* parts);
  void join(const Phase& phase, const TermSums& sums, const Parts& parts);
  void check_finite(const Phase& phase, const TermSums& sums, const nn::Context& context, Inputs inputs);
  /// Clips the gradient, and says what the optimizer must know of it.
  optim::Evaluation clipped(const Phase& phase, const Gradient& gradient, UpdateResult& result) const;

  Experiment& experiment_;
  std::vector<optim::Param> params_;
  std::vector<std::vector<Tensor>> others_;        ///< by phase: trainable parameters that it does not update
  std::vector<std::pair<Tensor, Tensor>> frozen_;  ///< running statistics that stay, and their values
  std::unique_ptr<optim::ParameterAverage> average_;
  /// What observers are told of.
  struct Place {
    std::string name, where;
  };
  Place data_place_{"data", {}}, average_place_{"average of the weights", {}},
      check_place_{"check for finite numbers", {}};
  std::vector<Place> optimizer_places_;  ///< by phase
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
