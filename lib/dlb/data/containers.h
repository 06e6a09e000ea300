#pragma once
/// \file Transforms made of others: random_apply, random_choice.

#include <memory>
#include <vector>

#include "dlb/data/pipeline.h"

namespace dlb::data {

/// Its transforms one after the other with probability p, or none of them. They must keep the sample's spec.
/// Shapes: [*] -> [*].
struct RandomApply final : Transform {
  config::Node transforms;
  double p = 0.5;
  static Fields fields();
  bool read_parts(config::Reader& reader) override;
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;
  bool random() const override { return true; }

 private:
  std::vector<std::shared_ptr<Transform>> parts_;
  size_t bytes_ = 0;
  size_t scratch_bytes_ = 0;
};

/// One of its transforms for each sample, all with the same probability unless `p` gives weights. All must
/// make the same spec. Shapes: [*] -> [*].
struct RandomChoice final : Transform {
  config::Node transforms;
  std::vector<double> p;
  static Fields fields();
  bool read_parts(config::Reader& reader) override;
  TensorSpec prepare(const TensorSpec& in) override;
  void apply(const void* in, void* out, RandomStream& random) const override;
  bool random() const override { return true; }

 private:
  std::vector<std::shared_ptr<Transform>> parts_;
};

}  // namespace dlb::data
