#include "dlb/nn/init.h"

#include <cmath>

#include "dlb/ops/create.h"

namespace dlb::nn {

namespace {

struct Fans {
  double in = 1, out = 1;
};

Fans fans(const Shape& shape) {
  if (shape.size() < 2) {
    const auto n = static_cast<double>(shape.empty() ? 1 : shape[0]);
    return {n, n};
  }
  double field = 1;
  for (size_t i = 2; i < shape.size(); ++i) field *= static_cast<double>(shape[i]);
  return {static_cast<double>(shape[1]) * field, static_cast<double>(shape[0]) * field};
}

Tensor symmetric(const Shape& shape, DType dtype, const RngKey& key, double bound) {
  return uniform(shape, -bound, bound, key, dtype);
}

}  // namespace

Init kaiming_uniform(double negative_slope) {
  return [=](const Shape& shape, DType dtype, const RngKey& key) {
    const double gain = std::sqrt(2.0 / (1.0 + negative_slope * negative_slope));
    return symmetric(shape, dtype, key, gain * std::sqrt(3.0 / fans(shape).in));
  };
}

Init kaiming_normal(double negative_slope, bool fan_out) {
  return [=](const Shape& shape, DType dtype, const RngKey& key) {
    const double gain = std::sqrt(2.0 / (1.0 + negative_slope * negative_slope));
    const Fans f = fans(shape);
    return normal(shape, 0, gain / std::sqrt(fan_out ? f.out : f.in), key, dtype);
  };
}

Init xavier_uniform(double gain) {
  return [=](const Shape& shape, DType dtype, const RngKey& key) {
    const Fans f = fans(shape);
    return symmetric(shape, dtype, key, gain * std::sqrt(6.0 / (f.in + f.out)));
  };
}

Init xavier_normal(double gain) {
  return [=](const Shape& shape, DType dtype, const RngKey& key) {
    const Fans f = fans(shape);
    return normal(shape, 0, gain * std::sqrt(2.0 / (f.in + f.out)), key, dtype);
  };
}

Init uniform_init(double low, double high) {
  return [=](const Shape& shape, DType dtype, const RngKey& key) {
    return uniform(shape, low, high, key, dtype);
  };
}

Init normal_init(double mean, double stddev) {
  return [=](const Shape& shape, DType dtype, const RngKey& key) {
    return normal(shape, mean, stddev, key, dtype);
  };
}

Init constant_init(double value) {
  return [=](const Shape& shape, DType dtype, const RngKey& /*key*/) { return full(shape, value, dtype); };
}

double fan(const Shape& shape, bool out) {
  const Fans f = fans(shape);
  return out ? f.out : f.in;
}

Init uniform_fan(int64_t fan) {
  const double bound = fan > 0 ? 1.0 / std::sqrt(static_cast<double>(fan)) : 0.0;
  return uniform_init(-bound, bound);
}

Constraint init_choices() {
  return one_of(
      {"default", "kaiming_uniform", "kaiming_normal", "xavier_uniform", "xavier_normal", "normal", "zeros"});
}

Init named_init(const std::string& name, double stddev) {
  if (name == "kaiming_uniform") return kaiming_uniform(0);
  if (name == "kaiming_normal") return kaiming_normal(0);
  if (name == "xavier_uniform") return xavier_uniform();
  if (name == "xavier_normal") return xavier_normal();
  if (name == "normal") return normal_init(0, stddev);
  if (name == "zeros") return constant_init(0);
  DLB_CHECK(name == "default");
  return kaiming_uniform();
}

Init named_bias_init(const std::string& name, int64_t fan) {
  DLB_CHECK(name == "default" || name == "zeros");
  return name == "zeros" ? constant_init(0) : uniform_fan(fan);
}

}  // namespace dlb::nn
