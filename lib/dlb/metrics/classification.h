#pragma once
/// \file Metrics of classification. Predictions are scores [N, C, *] (logits or probabilities), targets class
/// numbers [N, *].

#include <vector>

#include "dlb/metrics/metric.h"

namespace dlb::metrics {

/// Base of metrics on [N, C, *] and [N, *]: checks the form and leaves out targets equal to ignore_index.
class ClassMetric : public Metric {
 public:
  int64_t ignore_index = -100;
  bool higher_is_better() const override { return true; }

 protected:
  /// Whether there is data to look at (false for meta tensors). Errors: shape, dtype.
  bool check(const Tensor& prediction, const Tensor& target, std::string_view name) const;
};

/// Share of targets that have the highest score; the first of equal scores wins.
struct Accuracy : ClassMetric {
  static Fields fields();
  void reset() override { correct_ = total_ = 0; }
  void update(const Tensor& prediction, const Tensor& target) override;
  double value() const override;

 private:
  int64_t correct_ = 0, total_ = 0;
};

/// Share of targets among the k highest scores.
struct TopK : ClassMetric {
  int64_t k = 5;
  static Fields fields();
  void reset() override { correct_ = total_ = 0; }
  void update(const Tensor& prediction, const Tensor& target) override;
  double value() const override;

 private:
  int64_t correct_ = 0, total_ = 0;
};

/// Counts of each class: what precision, recall and F1 are made of. `macro` is the mean over the classes that
/// occur among targets or predictions (a class whose divisor is 0 counts as 0), `micro` counts all classes
/// together.
class ClassCounts : public ClassMetric {
 public:
  std::string average = "macro";
  static Fields fields();
  void reset() override { counts_.clear(); }
  double value() const override;

 protected:
  struct Count {
    int64_t hits = 0, predicted = 0, actual = 0;
  };
  void count(const Tensor& prediction, const Tensor& target, std::string_view name);
  virtual double score(const Count& c) const = 0;

 private:
  std::vector<Count> counts_;
};

/// hits / predicted
struct Precision : ClassCounts {
  void update(const Tensor& prediction, const Tensor& target) override {
    count(prediction, target, "precision");
  }

 protected:
  double score(const Count& c) const override;
};

/// hits / actual
struct Recall : ClassCounts {
  void update(const Tensor& prediction, const Tensor& target) override {
    count(prediction, target, "recall");
  }

 protected:
  double score(const Count& c) const override;
};

/// 2 hits / (predicted + actual), the harmonic mean of precision and recall
struct F1 : ClassCounts {
  void update(const Tensor& prediction, const Tensor& target) override { count(prediction, target, "f1"); }

 protected:
  double score(const Count& c) const override;
};

/// Share of elements on the right side of `threshold`. Shapes: prediction and target equal; targets above 0.5
/// are positive.
struct BinaryAccuracy : Metric {
  double threshold = 0;
  static Fields fields();
  void reset() override { correct_ = total_ = 0; }
  void update(const Tensor& prediction, const Tensor& target) override;
  double value() const override;
  bool higher_is_better() const override { return true; }

 private:
  int64_t correct_ = 0, total_ = 0;
};

}  // namespace dlb::metrics
