#pragma once
/// \file Metrics of how a prediction follows the target. Shapes: prediction and target equal; each output of
/// a sample is judged by itself, and the mean over them is the value. Fewer than two samples give NaN.

#include <vector>

#include "dlb/metrics/metric.h"

namespace dlb::metrics {

/// Means, variances and covariance of predictions and targets, output by output.
class MomentMetric : public Metric {
 public:
  static Fields fields() { return {}; }
  void reset() override { outputs_.clear(); }
  double value() const override;
  bool higher_is_better() const override { return true; }

 protected:
  /// Sums of squares about the means.
  struct Moments {
    double count = 0, mean_p = 0, mean_t = 0, spread_p = 0, spread_t = 0, product = 0;
  };
  void accumulate(const Tensor& prediction, const Tensor& target, std::string_view name);
  virtual double of_output(const Moments& m) const = 0;

 private:
  std::vector<Moments> outputs_;
};

/// Pearson's correlation; NaN for an output that is constant.
struct Pearson : MomentMetric {
  void update(const Tensor& prediction, const Tensor& target) override {
    accumulate(prediction, target, "pearson");
  }

 protected:
  double of_output(const Moments& m) const override;
};

/// 1 - variance of t - p / variance of t: R2 that forgives a constant error. A constant target gives 1 when
/// the error is constant, else 0.
struct ExplainedVariance : MomentMetric {
  void update(const Tensor& prediction, const Tensor& target) override {
    accumulate(prediction, target, "explained_variance");
  }

 protected:
  double of_output(const Moments& m) const override;
};

/// Pearson's correlation of the ranks; equal values share the mean of theirs. Keeps all values.
struct Spearman : Metric {
  static Fields fields() { return {}; }
  void reset() override {
    predicted_.clear();
    actual_.clear();
  }
  void update(const Tensor& prediction, const Tensor& target) override;
  double value() const override;
  bool higher_is_better() const override { return true; }

 private:
  std::vector<std::vector<double>> predicted_, actual_;  ///< by output
};

}  // namespace dlb::metrics
