#pragma once
/// \file Metrics of regression. Shapes: prediction and target equal. Sums run element by element in float64,
/// so that the result does not depend on the batches.

#include <vector>

#include "dlb/metrics/metric.h"

namespace dlb::metrics {

/// Mean of a function of the error over all elements.
class MeanError : public Metric {
 public:
  static Fields fields() { return {}; }
  void reset() override;
  double value() const override;
  bool higher_is_better() const override { return false; }

 protected:
  void add(double error) {
    sum_ += error;
    ++count_;
  }
  void accumulate(const Tensor& prediction, const Tensor& target, std::string_view name, bool squared);

 private:
  double sum_ = 0;
  int64_t count_ = 0;
};

/// mean |p - t|
struct Mae : MeanError {
  void update(const Tensor& prediction, const Tensor& target) override {
    accumulate(prediction, target, "mae", false);
  }
};

/// mean (p - t)^2
struct Mse : MeanError {
  void update(const Tensor& prediction, const Tensor& target) override {
    accumulate(prediction, target, "mse", true);
  }
};

/// sqrt(mean (p - t)^2)
struct Rmse : MeanError {
  void update(const Tensor& prediction, const Tensor& target) override {
    accumulate(prediction, target, "rmse", true);
  }
  double value() const override;
};

/// mean |p - t| / max(|t|, eps): 0.1 is an error of 10 %
struct MeanRelativeError : MeanError {
  double eps = 2.220446049250313e-16;
  static Fields fields();
  void update(const Tensor& prediction, const Tensor& target) override;
};

/// Peak signal-to-noise ratio in decibels: 10 log10(range^2 / mean (p - t)^2), infinite for equal images.
struct Psnr : MeanError {
  double range = 1;
  static Fields fields();
  void update(const Tensor& prediction, const Tensor& target) override {
    accumulate(prediction, target, "psnr", true);
  }
  double value() const override;
  bool higher_is_better() const override { return true; }
};

/// 1 - sum (p - t)^2 / sum (t - mean t)^2, averaged over the outputs of each sample. A constant target gives
/// 1 when it is predicted exactly, else 0; fewer than two samples give NaN.
class R2 : public Metric {
 public:
  static Fields fields() { return {}; }
  void reset() override { outputs_.clear(); }
  void update(const Tensor& prediction, const Tensor& target) override;
  double value() const override;
  bool higher_is_better() const override { return true; }

 private:
  struct Output {
    int64_t count = 0;
    double mean = 0, spread = 0, residual = 0;
  };
  std::vector<Output> outputs_;
};

}  // namespace dlb::metrics
