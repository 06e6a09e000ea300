#pragma once
/// \file Metrics of recommendations: where the wanted item stands among all items by score. Predictions are
/// scores [N, items], targets item numbers [N]; of equal scores the lower item comes first.

#include "dlb/metrics/classification.h"

namespace dlb::metrics {

/// Mean over samples of a function of the wanted item's place.
class PlaceMetric : public ClassMetric {
 public:
  int64_t k = 10;
  static Fields fields();
  void reset() override {
    sum_ = 0;
    count_ = 0;
  }
  double value() const override;

 protected:
  void accumulate(const Tensor& prediction, const Tensor& target, std::string_view name);
  void add(double gain) {
    sum_ += gain;
    ++count_;
  }
  /// Of the place, from 0 and below k.
  virtual double gain(int64_t place) const = 0;

 private:
  double sum_ = 0;
  int64_t count_ = 0;
};

/// Share of samples whose item is among the first k.
struct HitRate : PlaceMetric {
  void update(const Tensor& prediction, const Tensor& target) override {
    accumulate(prediction, target, "hit_rate");
  }

 protected:
  double gain(int64_t /*place*/) const override { return 1; }
};

/// Mean of 1 / place, from 1, of items among the first k: the mean reciprocal rank.
struct Mrr : PlaceMetric {
  void update(const Tensor& prediction, const Tensor& target) override {
    accumulate(prediction, target, "mrr");
  }

 protected:
  double gain(int64_t place) const override { return 1 / static_cast<double>(place + 1); }
};

/// Mean of 1 / log2(1 + place), from 1, of items among the first k. Or, with targets [N, items] of how much
/// each item is wanted (0 or more): their sum in the order of the scores, so discounted, divided by that of
/// the best order; 0 where nothing is wanted. **Source**: Jarvelin & Kekalainen, ACM TOIS 20, 2002.
struct Ndcg : PlaceMetric {
  void update(const Tensor& prediction, const Tensor& target) override;

 protected:
  double gain(int64_t place) const override;
};

}  // namespace dlb::metrics
