#pragma once
/// \file Measuring a model on a split.

#include <functional>

#include "dlb/data/loader.h"
#include "dlb/train/checkpoint.h"
#include "dlb/train/experiment.h"

namespace dlb::train {

/// Loss (its sum over the split divided by its count) and metrics of the model in evaluation mode over all
/// batches of `loader`. `stop` is asked after each batch; when it says yes, the result is empty.
MetricValues measure(Experiment& experiment, data::Loader& loader, const std::function<bool()>& stop = {});

/// "val loss 0.0312, accuracy 0.9901"
std::string metrics_text(const std::string& split, const MetricValues& values);

}  // namespace dlb::train
