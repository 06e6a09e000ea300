#pragma once
/// \file Metrics of how well scores put positives before negatives. Every score is kept until the value is
/// asked for.
///
/// Shapes: prediction and target equal, targets above 0.5 positive; or scores [N, C, *] with class numbers
/// [N, *]: each class against the rest, the mean over classes that have both.

#include <vector>

#include "dlb/metrics/classification.h"

namespace dlb::metrics {

class RankMetric : public ClassMetric {
 public:
  bool logits = true;
  static Fields fields();
  void reset() override {
    scores_.clear();
    labels_.clear();
    classes_ = 0;
  }
  /// NaN for a score that is NaN, and where there are no positives or no negatives.
  double value() const override;

 protected:
  struct Scored {
    float score;
    bool positive;
  };
  void keep(const Tensor& prediction, const Tensor& target, std::string_view name);
  /// Of entries from the highest to the lowest score, both kinds among them.
  virtual double curve(const std::vector<Scored>& ordered, double positives) const = 0;

 private:
  double of_class(int64_t c) const;
  int64_t classes_ = 0;  ///< 0: binary
  std::vector<float> scores_;
  std::vector<int64_t> labels_;
};

/// Area under the ROC curve: the probability that a positive has a higher score than a negative; equal scores
/// count half.
struct Auroc : RankMetric {
  void update(const Tensor& prediction, const Tensor& target) override { keep(prediction, target, "auroc"); }

 protected:
  double curve(const std::vector<Scored>& ordered, double positives) const override;
};

/// sum over thresholds of (recall - recall of the threshold before) precision
struct AveragePrecision : RankMetric {
  void update(const Tensor& prediction, const Tensor& target) override {
    keep(prediction, target, "average_precision");
  }

 protected:
  double curve(const std::vector<Scored>& ordered, double positives) const override;
};

}  // namespace dlb::metrics
