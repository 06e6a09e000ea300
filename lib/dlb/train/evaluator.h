#pragma once
/// \file Measuring a model on a split.

#include <functional>

#include "dlb/train/batches.h"
#include "dlb/train/checkpoint.h"
#include "dlb/train/experiment.h"
#include "dlb/train/exported_model.h"
#include "dlb/train/predictions.h"

namespace dlb::train {

/// Losses (their sums over the split divided by their counts) and metrics of the model in evaluation mode
/// over all batches; of an environment also "reward". `stop` is asked after each batch; when it says yes, the
/// result is empty. `predictions`, which has been started, sees all outputs. `exported` gives the outputs in
/// place of program 0.
MetricValues measure(Experiment& experiment, Batches& batches, const std::function<bool()>& stop = {},
                     Predictions* predictions = nullptr, const ExportedModel* exported = nullptr);

/// Feeds a metric with one pass of program 0.
void update_metric(NamedMetric& metric, Inputs outputs, Inputs columns);

/// "val loss 0.0312, accuracy 0.9901"
std::string metrics_text(const std::string& split, const MetricValues& values);

}  // namespace dlb::train
