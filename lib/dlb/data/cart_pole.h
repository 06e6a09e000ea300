#pragma once
/// \file The inline source `cartpole`.

#include "dlb/data/environment.h"

namespace dlb::data {

/// A pole on a cart that is pushed left (action 0) or right (action 1); reward 1 for each step until the pole
/// leans over 12 degrees or the cart is 2.4 m off. Observation: position, velocity, angle, angular velocity.
/// With m = pole + cart mass, l half the pole's length, temp = (F + m_p l w^2 sin a) / m:
///   w' = (g sin a - cos a temp) / (l (4/3 - m_p cos^2 a / m)),  v' = temp - m_p l w' cos a / m,
/// integrated by Euler's rule in steps of 0.02 s. An episode starts at uniform values in [-0.05, 0.05].
///
/// **Source**: Barto, Sutton, Anderson: Neuronlike adaptive elements that can solve difficult learning
/// control problems, 1983.
struct CartPoleSource final : EnvironmentSource {
  static Fields fields();
  std::unique_ptr<Environment> make() const override;
  int64_t features() const override { return 4; }
  int64_t actions() const override { return 2; }
};

}  // namespace dlb::data
