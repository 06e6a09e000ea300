#include "samples.h"

#include "dlb/tensor/random.h"

namespace dlb::testing {

const SampleTable& all_samples() {
  static const SampleTable samples = [] {
    SampleTable t;
    add_create_samples(t);
    add_unary_samples(t);
    add_binary_samples(t);
    add_reduce_samples(t);
    add_shape_samples(t);
    add_index_samples(t);
    add_network_samples(t);
    add_sequence_samples(t);
    return t;
  }();
  return samples;
}

Tensor values(Shape shape, double low, double high, uint32_t stream) {
  RandomStream random({.seed = 20, .purpose = RngPurpose::kUser, .step = 0, .index = stream});
  std::vector<double> v(static_cast<size_t>(numel(shape)));
  for (double& x : v) x = low + (high - low) * random.uniform_double();
  return Tensor::from(v, std::move(shape));
}

}  // namespace dlb::testing
