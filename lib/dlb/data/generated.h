#pragma once
/// \file What sources of made-up samples share: their splits, and a stream of random numbers for each sample.

#include <string>
#include <vector>

#include "dlb/data/table.h"
#include "dlb/tensor/random.h"

namespace dlb::data {

/// Samples made in memory when a split is opened. Sample i of a split follows from (seed, split, i) alone.
struct GeneratedSource : Source {
  int64_t samples = 1024;
  int64_t test_samples = 256;
  int64_t seed = 0;

  void bind(const SourceOptions& options) override;
  std::vector<std::string> splits() const override;
  SampleSpec spec() final { return sample_spec(); }
  int64_t size(const std::string& split) override { return split == "test" ? test_samples : samples; }
  std::shared_ptr<const Dataset> open(const std::string& split) override;

 protected:
  /// Raises what is wrong with the fields. Errors: config.
  virtual void check(const SourceOptions& /*options*/) const {}
  virtual SampleSpec sample_spec() const = 0;
  /// Adds the columns of one sample.
  virtual void make(RandomStream& random, TableBuilder& table) const = 0;
};

/// The fields samples, test_samples and seed, to end a list with.
template <class T>
std::vector<Field> with_sample_fields(std::vector<Field> fields) {
  constexpr double kMax = 1e8;
  fields.push_back(field<&T::samples>("samples", "training samples", between(1, kMax)));
  fields.push_back(
      field<&T::test_samples>("test_samples", "test samples; 0: no test split", between(0, kMax)));
  fields.push_back(field<&T::seed>("seed", "seed of the samples", non_negative()));
  return fields;
}

}  // namespace dlb::data
