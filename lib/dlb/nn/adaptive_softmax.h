#pragma once
/// \file log_softmax over very many classes.

#include "dlb/nn/layer.h"

namespace dlb::nn {

/// Log-probabilities of classes in clusters: the frequent ones, below cutoffs[0], and a class for each
/// cluster of the others come from a head; within cluster i classes come from F / div_value^(i + 1) features.
/// Classes are numbered from the most frequent. Shapes: [*, F] -> [*, classes]; head.weight [cutoffs[0] +
/// clusters, F], tail.i.0.weight, tail.i.1.weight. Its loss is `nll`. **Source**: Grave et al., "Efficient
/// softmax approximation for GPUs", ICML 2017.
struct AdaptiveLogSoftmax : Layer {
  int64_t classes = 0;
  std::vector<int64_t> cutoffs;
  double div_value = 4;
  bool head_bias = false;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;

 private:
  struct Cluster {
    Tensor inner, outer;
  };
  Tensor head_, bias_;
  std::vector<Cluster> clusters_;
};

}  // namespace dlb::nn
