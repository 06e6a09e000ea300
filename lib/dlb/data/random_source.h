#pragma once
/// \file The source `random`: columns of random numbers of any shape, for benchmarks and for trying models.

#include "dlb/data/generated.h"

namespace dlb::data {

/// How the numbers of one column are drawn.
struct RandomColumn {
  std::vector<int64_t> shape;
  std::string dtype = "float32";
  std::string distribution = "uniform";
  std::optional<double> low;
  std::optional<double> high;
  double mean = 0;
  double std = 1;
  double p = 0.5;
  bool image = false;
  bool join = false;
  std::string rows_of;
  std::optional<int64_t> min_length;
  double pad = 0;
  static Fields fields();
};

/// Columns by name, in order: `inputs`, then `targets`. Integers are uniform in [low, high), other numbers
/// uniform in [low, high), normal, or 1 with probability p and else 0 (bernoulli).
struct RandomSource final : Source {
  config::Node inputs;
  config::Node targets;
  int64_t classes = 0;
  int64_t samples = 1024;
  int64_t test_samples = 0;
  int64_t seed = 0;
  static Fields fields();

  void bind(const SourceOptions& options) override;
  std::vector<std::string> splits() const override;
  SampleSpec spec() override { return spec_; }
  int64_t size(const std::string& split) override { return split == "test" ? test_samples : samples; }
  std::shared_ptr<const Dataset> open(const std::string& split) override;

 private:
  SampleSpec spec_;
  std::vector<RandomColumn> columns_;
};

}  // namespace dlb::data
