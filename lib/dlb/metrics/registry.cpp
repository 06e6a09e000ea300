#include <vector>

#include "dlb/metrics/classification.h"
#include "dlb/metrics/regression.h"

namespace dlb::metrics {

std::span<const MetricType> metric_types() {
  static const std::vector<MetricType> types = {
      type_info<Metric, Accuracy>("accuracy", "share of targets with the highest score"),
      type_info<Metric, TopK>("top_k", "share of targets among the k highest scores"),
      type_info<Metric, Precision>("precision", "share of predictions of a class that are right"),
      type_info<Metric, Recall>("recall", "share of a class that is found"),
      type_info<Metric, F1>("f1", "harmonic mean of precision and recall"),
      type_info<Metric, BinaryAccuracy>("binary_accuracy",
                                        "share of elements on the right side of a threshold"),
      type_info<Metric, Mae>("mae", "mean absolute error"),
      type_info<Metric, Mse>("mse", "mean squared error"),
      type_info<Metric, Rmse>("rmse", "root of the mean squared error"),
      type_info<Metric, R2>("r2", "share of the target's variance that is explained"),
  };
  return types;
}

}  // namespace dlb::metrics
