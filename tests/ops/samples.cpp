#include "samples.h"

#include "dlb/tensor/random.h"

namespace dlb::testing {

Tensor values(Shape shape, double low, double high, uint32_t stream) {
  RandomStream random({.seed = 20, .purpose = RngPurpose::kUser, .step = 0, .index = stream});
  std::vector<double> v(static_cast<size_t>(numel(shape)));
  for (double& x : v) x = low + (high - low) * random.uniform_double();
  return Tensor::from(v, std::move(shape));
}

}  // namespace dlb::testing
