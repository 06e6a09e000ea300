#pragma once
/// \file The inline source `synthetic`: samples made up on the fly, which a model can learn.

#include <string>
#include <vector>

#include "dlb/data/dataset.h"

namespace dlb::data {

/// classification: x = pattern[class] + noise u, where pattern is a random coarse picture per class; classes
/// are drawn uniformly. regression: x uniform in [-1, 1], target = W x / sqrt(F / 3) + noise u, W normal. u
/// is uniform with mean 0 and variance 1. All follow from `seed`; the same sample is the same at every read.
/// With dtype uint8, x is stored as 128 + 40 x.
struct SyntheticSource final : Source {
  int64_t samples = 1024;
  int64_t test_samples = 256;
  std::vector<int64_t> shape = {1, 28, 28};
  std::string task = "classification";
  int64_t classes = 10;
  int64_t outputs = 1;
  double noise = 0.5;
  std::string dtype = "float32";
  int64_t seed = 0;
  static Fields fields();

  void bind(const SourceOptions& options) override;
  std::vector<std::string> splits() const override;
  SampleSpec spec() override;
  int64_t size(const std::string& split) override;
  std::shared_ptr<const Dataset> open(const std::string& split) override;
};

}  // namespace dlb::data
