#pragma once
/// \file Metrics of embeddings. Every embedding is kept until the value is asked for.

#include <vector>

#include "dlb/metrics/metric.h"

namespace dlb::metrics {

/// Share of samples for which one of the k nearest others has the same label (recall at k; with k 1 the
/// accuracy of the nearest neighbour). Time grows with the square of the number of samples. Shapes:
/// prediction [N, D], target labels [N].
struct RetrievalAccuracy : Metric {
  int64_t k = 1;
  std::string distance = "cosine";
  static Fields fields();
  void reset() override {
    embeddings_.clear();
    labels_.clear();
    width_ = 0;
  }
  void update(const Tensor& prediction, const Tensor& target) override;
  /// NaN with fewer than two samples.
  double value() const override;
  bool higher_is_better() const override { return true; }

 private:
  int64_t width_ = 0;
  std::vector<float> embeddings_;
  std::vector<int64_t> labels_;
};

}  // namespace dlb::metrics
