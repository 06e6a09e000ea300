#pragma once
/// \file Metrics of models of symbols one after the other. Predictions are logits [N, C, *] (class_dim 1) or
/// [N, *, C] (class_dim -1), targets [N, *].

#include "dlb/metrics/classification.h"

namespace dlb::metrics {

/// Mean over targets of -log p(target).
class MeanNll : public ClassMetric {
 public:
  static Fields fields();
  void reset() override {
    sum_ = 0;
    count_ = 0;
  }
  bool higher_is_better() const override { return false; }

 protected:
  void accumulate(const Tensor& prediction, const Tensor& target, std::string_view name);
  double mean() const;

 private:
  double sum_ = 0;
  int64_t count_ = 0;
};

/// exp(mean -log p(target))
struct Perplexity : MeanNll {
  void update(const Tensor& prediction, const Tensor& target) override {
    accumulate(prediction, target, "perplexity");
  }
  double value() const override;
};

/// mean -log2 p(target): bits per character, byte or token
struct BitsPerToken : MeanNll {
  void update(const Tensor& prediction, const Tensor& target) override {
    accumulate(prediction, target, "bits_per_token");
  }
  double value() const override;
};

}  // namespace dlb::metrics
