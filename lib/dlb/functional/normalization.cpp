#include "dlb/functional/define.h"
#include "dlb/ops/norm.h"
#include "dlb/ops/shape_ops.h"

namespace dlb::functional {

namespace {

/// How many of the last dimensions normalized_shape names.
int64_t last_dims(const char* name, const Tensor& x, const Dims& normalized_shape) {
  const size_t count = normalized_shape.size();
  const bool fits = count >= 1 && count <= x.shape().size() &&
                    Shape(x.shape().end() - count, x.shape().end()) == normalized_shape;
  if (!fits) {
    fail(ErrorKind::kShape, "{} over {} does not fit input {}", name, shape_text(normalized_shape),
         shape_text(x.shape()));
  }
  return static_cast<int64_t>(count);
}

Tensor layer_norm_shaped(const Tensor& x, const Dims& normalized_shape, const Tensor& weight,
                         const Tensor& bias, double eps) {
  return layer_norm(x, last_dims("layer_norm", x, normalized_shape), weight, bias, eps);
}

Tensor group_norm_checked(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias,
                          double eps) {
  if (x.rank() < 2) {
    fail(ErrorKind::kShape, "group_norm expects input [N, C, ...], got {}", shape_text(x.shape()));
  }
  const Tensor image = x.rank() > 5 ? flatten(contiguous(x), 2) : x;
  return reshape(group_norm(image, groups, weight, bias, eps), x.shape());
}

}  // namespace

std::vector<Function> normalization_functions() {
  return {
      define("batch_norm",
             "each channel normalised over the batch, or with running statistics; training moves these",
             {"input", "running_mean = none", "running_var = none", "weight = none", "bias = none",
              "training = false", "momentum = 0.1", "eps = 1e-5"},
             &batch_norm),
      define("instance_norm", "each channel of each sample normalised over space",
             {"input", "running_mean = none", "running_var = none", "weight = none", "bias = none",
              "use_input_stats = true", "momentum = 0.1", "eps = 1e-5"},
             &instance_norm),
      define("group_norm", "groups of channels of each sample normalised",
             {"input", "num_groups", "weight = none", "bias = none", "eps = 1e-5"}, &group_norm_checked),
      define("layer_norm", "the last dimensions normalised",
             {"input", "normalized_shape", "weight = none", "bias = none", "eps = 1e-5"}, &layer_norm_shaped),
      define(
          "rms_norm", "the last dimensions divided by their root mean square",
          {"input", "normalized_shape", "weight = none", "eps = none"},
          +[](const Tensor& x, const Dims& normalized_shape, const Tensor& weight,
              std::optional<double> eps) {
            return rms_norm(x, last_dims("rms_norm", x, normalized_shape), weight, eps);
          }),
      define("local_response_norm",
             "each element divided by a power of its neighbouring channels' mean square",
             {"input", "size", "alpha = 0.0001", "beta = 0.75", "k = 1.0"}, &local_response_norm),
  };
}

}  // namespace dlb::functional
