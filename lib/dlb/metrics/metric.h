#pragma once
/// \file Metrics: accumulate over batches, report one number.

#include <memory>
#include <span>
#include <string>

#include "dlb/base/fields.h"
#include "dlb/tensor/tensor.h"

namespace dlb::metrics {

/// Accumulates exactly: the result does not depend on how samples were split into batches.
class Metric {
 public:
  virtual ~Metric() = default;
  virtual void reset() = 0;
  /// Errors: shape, dtype (a metric that does not fit the model's output); works on kMeta tensors as a check.
  virtual void update(const Tensor& prediction, const Tensor& target) = 0;
  virtual double value() const = 0;  ///< NaN when nothing was seen
  virtual bool higher_is_better() const = 0;
};

using MetricType = TypeInfo<Metric>;
/// Of classes (accuracy, f1, iou, ...), two classes (binary_accuracy, auroc, ...), sequences (perplexity,
/// word_error_rate, bleu, ...), recommendations and embeddings (ndcg, retrieval_accuracy, ...), numbers (mae,
/// r2, pearson, psnr, ...): see registry.cpp.
std::span<const MetricType> metric_types();

}  // namespace dlb::metrics
