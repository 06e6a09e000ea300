#pragma once
/// \file Initialisers of parameters.

#include "dlb/nn/layer.h"

namespace dlb::nn {

/// fan_in = size(1) * receptive field, fan_out = size(0) * receptive field; for vectors both are the length.
/// PyTorch's defaults: weights kaiming_uniform(sqrt(5)) = U(-1/sqrt(fan_in), 1/sqrt(fan_in)), biases
/// uniform_fan_in(fan_in of the weight).
Init kaiming_uniform(double negative_slope = 2.23606797749979);
Init kaiming_normal(double negative_slope = 0, bool fan_out = false);
Init xavier_uniform(double gain = 1);
Init xavier_normal(double gain = 1);
Init uniform_init(double low, double high);
Init normal_init(double mean, double stddev);
Init constant_init(double value);
/// U(-1/sqrt(fan), 1/sqrt(fan))
Init uniform_fan(int64_t fan);

/// fan_in or fan_out of a parameter of that shape.
double fan(const Shape& shape, bool out);

/// What the field `init` of linear and convolution layers may be, and the initialiser of that name: `default`
/// is PyTorch's, the kaiming ones are He's for ReLU, `normal` has mean 0 and that standard deviation.
Constraint init_choices();
Init named_init(const std::string& name, double stddev);
/// `default` (uniform_fan) or `zeros`.
Init named_bias_init(const std::string& name, int64_t fan);

}  // namespace dlb::nn
