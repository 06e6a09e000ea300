#pragma once
/// \file Metrics of binary classification. Shapes: prediction and target equal; targets above 0.5 are
/// positive, as are predictions above a threshold.

#include "dlb/metrics/metric.h"

namespace dlb::metrics {

/// Counts of elements by what they are and what they are taken for.
class BinaryMetric : public Metric {
 public:
  double threshold = 0;
  static Fields fields();
  void reset() override { hits_ = predicted_ = actual_ = total_ = 0; }
  bool higher_is_better() const override { return true; }

 protected:
  void count(const Tensor& prediction, const Tensor& target, std::string_view name);
  int64_t hits_ = 0, predicted_ = 0, actual_ = 0, total_ = 0;
};

/// Share of elements on the right side of the threshold.
struct BinaryAccuracy : BinaryMetric {
  void update(const Tensor& prediction, const Tensor& target) override {
    count(prediction, target, "binary_accuracy");
  }
  double value() const override;
};

/// hits / predicted; 0 when nothing is predicted, as below
struct BinaryPrecision : BinaryMetric {
  void update(const Tensor& prediction, const Tensor& target) override {
    count(prediction, target, "binary_precision");
  }
  double value() const override;
};

/// hits / actual
struct BinaryRecall : BinaryMetric {
  void update(const Tensor& prediction, const Tensor& target) override {
    count(prediction, target, "binary_recall");
  }
  double value() const override;
};

/// 2 hits / (predicted + actual)
struct BinaryF1 : BinaryMetric {
  void update(const Tensor& prediction, const Tensor& target) override {
    count(prediction, target, "binary_f1");
  }
  double value() const override;
};

/// hits / (predicted + actual - hits)
struct BinaryIou : BinaryMetric {
  void update(const Tensor& prediction, const Tensor& target) override {
    count(prediction, target, "binary_iou");
  }
  double value() const override;
};

}  // namespace dlb::metrics
