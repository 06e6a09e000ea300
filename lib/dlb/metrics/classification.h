#pragma once
/// \file Metrics of classification. Predictions are scores [N, C, *] (logits or probabilities), targets class
/// numbers [N, *]. With class_dim -1 predictions are [N, *, C], as language models give them.

#include <vector>

#include "dlb/metrics/metric.h"

namespace dlb::metrics {

/// Base of metrics on [N, C, *] and [N, *]: checks the form and leaves out targets equal to ignore_index.
class ClassMetric : public Metric {
 public:
  int64_t ignore_index = -100;
  int64_t class_dim = 1;
  bool higher_is_better() const override { return true; }

 protected:
  /// Whether there is data to look at (false for meta tensors). Errors: shape, dtype.
  bool check(const Tensor& prediction, const Tensor& target, std::string_view name) const;
  /// class_dim from 0. Errors: shape for a prediction without that dimension.
  int64_t class_axis(const Tensor& prediction, std::string_view name) const;
  /// The scores as [number of targets, C], row-major, in the order of the targets.
  Tensor rows(const Tensor& prediction) const;
};

/// The fields of every ClassMetric after `own`.
std::vector<Field> class_fields(std::vector<Field> own);
/// How many scores come before that of `label`: higher ones, and equal ones of lower classes.
int64_t rank_of(const float* scores, int64_t classes, int64_t label);
/// part / whole; NaN when there is nothing.
double ratio(int64_t part, int64_t whole);

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

/// Base of metrics that follow from counts of each class.
class ClassCounts : public ClassMetric {
 public:
  static Fields fields();
  void reset() override { counts_.clear(); }

 protected:
  struct Count {
    int64_t hits = 0, predicted = 0, actual = 0;
  };
  void count(const Tensor& prediction, const Tensor& target, std::string_view name);
  /// Called for each target that counts.
  virtual void seen(int64_t /*predicted*/, int64_t /*actual*/) {}
  const std::vector<Count>& counts() const { return counts_; }
  int64_t total() const;

 private:
  std::vector<Count> counts_;
};

/// A score of each class: `macro` is the mean over the classes that occur among targets or predictions (a
/// class whose divisor is 0 counts as 0), `micro` counts all classes together.
class AveragedCounts : public ClassCounts {
 public:
  std::string average = "macro";
  static Fields fields();
  double value() const override;

 protected:
  /// Of a class, or of all classes together; `total` is the number of targets (times classes).
  virtual double score(const Count& c, int64_t total) const = 0;
};

/// hits / predicted
struct Precision : AveragedCounts {
  void update(const Tensor& prediction, const Tensor& target) override {
    count(prediction, target, "precision");
  }

 protected:
  double score(const Count& c, int64_t total) const override;
};

/// hits / actual
struct Recall : AveragedCounts {
  void update(const Tensor& prediction, const Tensor& target) override {
    count(prediction, target, "recall");
  }

 protected:
  double score(const Count& c, int64_t total) const override;
};

/// 2 hits / (predicted + actual), the harmonic mean of precision and recall
struct F1 : AveragedCounts {
  void update(const Tensor& prediction, const Tensor& target) override { count(prediction, target, "f1"); }

 protected:
  double score(const Count& c, int64_t total) const override;
};

/// (total - predicted - actual + hits) / (total - actual): the recall of all that is not of the class
struct Specificity : AveragedCounts {
  void update(const Tensor& prediction, const Tensor& target) override {
    count(prediction, target, "specificity");
  }

 protected:
  double score(const Count& c, int64_t total) const override;
};

/// hits / (predicted + actual - hits), intersection over union (Jaccard's index): of pixels, for segmentation
struct Iou : AveragedCounts {
  void update(const Tensor& prediction, const Tensor& target) override { count(prediction, target, "iou"); }

 protected:
  double score(const Count& c, int64_t total) const override;
};

/// Dice's coefficient: f1 under the name that segmentation uses
struct Dice : F1 {
  void update(const Tensor& prediction, const Tensor& target) override { count(prediction, target, "dice"); }
};

/// Mean over the classes that occur among the targets of hits / actual.
struct BalancedAccuracy : ClassCounts {
  void update(const Tensor& prediction, const Tensor& target) override {
    count(prediction, target, "balanced_accuracy");
  }
  double value() const override;
};

/// Matthews' correlation of predicted and actual classes, for any number of classes: with n targets, h hits
/// in all, (n h - sum p_c a_c) / sqrt((n^2 - sum p_c^2) (n^2 - sum a_c^2)); 0 where that is 0 / 0.
struct Matthews : ClassCounts {
  void update(const Tensor& prediction, const Tensor& target) override {
    count(prediction, target, "matthews");
  }
  double value() const override;
};

/// Cohen's kappa, agreement beyond chance: 1 - sum w_ij O_ij / sum w_ij E_ij over pairs of classes, O the
/// counts, E_ij = p_i a_j / n, w_ij = [i != j], or for ordered classes |i - j| (linear) or its square.
struct CohenKappa : ClassCounts {
  std::string weights = "none";
  static Fields fields();
  void reset() override {
    ClassCounts::reset();
    observed_ = 0;
  }
  void update(const Tensor& prediction, const Tensor& target) override {
    count(prediction, target, "cohen_kappa");
  }
  double value() const override;

 protected:
  void seen(int64_t predicted, int64_t actual) override;

 private:
  double weight(int64_t predicted, int64_t actual) const;
  double observed_ = 0;
};

}  // namespace dlb::metrics
