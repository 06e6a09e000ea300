#include <algorithm>
#include <limits>

#include "dlb/ops/binary.h"
#include "dlb/ops/norm.h"
#include "dlb/ops/pool.h"
#include "dlb/ops/reduce.h"
#include "dlb/ops/shape_ops.h"
#include "dlb/ops/statistics.h"
#include "dlb/ops/unary.h"

namespace dlb {

namespace {

/// Elements of one channel of the dimensions from `first`.
int64_t count_from(const Shape& shape, size_t first) {
  int64_t count = 1;
  for (size_t i = first; i < shape.size(); ++i) count *= shape[i];
  return count;
}

void check_running(const char* name, const Tensor& x, const Tensor& mean, const Tensor& var, bool needed) {
  if (mean.defined() != var.defined()) {
    fail(ErrorKind::kShape, "{} expects both running_mean and running_var, or neither", name);
  }
  if (!mean.defined()) {
    if (needed) fail(ErrorKind::kShape, "{} outside training expects running_mean and running_var", name);
    return;
  }
  const Shape channels{x.rank() < 2 ? x.numel() : x.dim(1)};
  for (const Tensor* t : {&mean, &var}) {
    if (!(t->shape() == channels)) {
      fail(ErrorKind::kShape, "{} expects running statistics {}, got {}", name, shape_text(channels),
           shape_text(t->shape()));
    }
    if (!is_floating(t->dtype())) {
      fail(ErrorKind::kDtype, "{} expects running statistics of a floating dtype, got {}", name,
           dtype_name(t->dtype()));
    }
  }
}

void move_towards(const Tensor& running, const Tensor& value, double momentum) {
  running.assign(add(mul(running, 1 - momentum), mul(value, momentum)));
}

/// Kernels know images of rank up to 5; more spatial dimensions are one long one.
Tensor as_image(const Tensor& x) { return x.rank() > 5 ? flatten(contiguous(x), 2) : x; }

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                  const Tensor& weight, const Tensor& bias, bool training, double momentum, double eps) {
  check_running("batch_norm", x, running_mean, running_var, !training);
  if (!is_floating(x.dtype())) {
    fail(ErrorKind::kDtype, "batch_norm expects a floating dtype, got {}", dtype_name(x.dtype()));
  }
  if (x.numel() == 0) return affine(x, 1, 0);
  const Tensor image = as_image(x);
  if (!training) {
    return reshape(batch_norm_eval(image, running_mean, running_var, weight, bias, eps), x.shape());
  }
  const int64_t count = x.dim(0) * count_from(x.shape(), 2);
  if (count == 1) {
    fail(ErrorKind::kShape, "batch_norm needs more than one value per channel while training, got input {}",
         shape_text(x.shape()));
  }
  const BatchNormResult r = batch_norm_train(image, weight, bias, eps);
  if (running_mean.defined() && !r.mean.is_meta()) {
    const NoGrad no_grad;
    const auto n = static_cast<double>(count);
    move_towards(running_mean, r.mean.detach(), momentum);
    move_towards(running_var, mul(r.var.detach(), n / (n - 1)), momentum);
  }
  return reshape(r.y, x.shape());
}

Tensor instance_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var,
                     const Tensor& weight, const Tensor& bias, bool use_input_stats, double momentum,
                     double eps) {
  if (!use_input_stats) return batch_norm(x, running_mean, running_var, weight, bias, false, momentum, eps);
  check_running("instance_norm", x, running_mean, running_var, false);
  if (x.rank() < 2) {
    fail(ErrorKind::kShape, "instance_norm expects input [N, C, ...], got {}", shape_text(x.shape()));
  }
  const int64_t count = count_from(x.shape(), 2);
  if (count == 1) {
    fail(ErrorKind::kShape, "instance_norm needs more than one value per channel and sample, got input {}",
         shape_text(x.shape()));
  }
  const Tensor y =
      reshape(group_norm(as_image(x), std::max<int64_t>(x.dim(1), 1), weight, bias, eps), x.shape());
  if (running_mean.defined() && !x.is_meta() && x.numel() > 0) {
    const NoGrad no_grad;
    const Tensor rows = flatten(contiguous(x.detach()), 2);
    move_towards(running_mean, mean(rows, {0, 2}), momentum);
    move_towards(running_var, mean(var(rows, {2}, 1), {0}), momentum);
  }
  return y;
}

namespace {

double epsilon(DType t) {
  switch (t) {
    case DType::kFloat64:
      return std::numeric_limits<double>::epsilon();
    case DType::kBFloat16:
      return 0x1p-7;
    case DType::kFloat16:
      return 0x1p-10;
    default:
      return static_cast<double>(std::numeric_limits<float>::epsilon());
  }
}

}  // namespace

Tensor rms_norm(const Tensor& x, int64_t dims, const Tensor& weight, std::optional<double> eps) {
  if (!is_floating(x.dtype())) {
    fail(ErrorKind::kDtype, "rms_norm expects a floating dtype, got {}", dtype_name(x.dtype()));
  }
  if (dims < 1 || dims > x.rank()) {
    fail(ErrorKind::kShape, "rms_norm over the last {} dimensions does not fit input {}", dims,
         shape_text(x.shape()));
  }
  const Shape inner(x.shape().end() - dims, x.shape().end());
  if (weight.defined() && !(weight.shape() == inner)) {
    fail(ErrorKind::kShape, "rms_norm expects weight {}, got {}", shape_text(inner),
         shape_text(weight.shape()));
  }
  if (weight.defined() && !is_floating(weight.dtype())) {
    fail(ErrorKind::kDtype, "rms_norm expects weight of a floating dtype, got {}",
         dtype_name(weight.dtype()));
  }
  Dims last;
  for (int64_t i = x.rank() - dims; i < x.rank(); ++i) last.push_back(i);
  const bool narrow_type = dtype_size(x.dtype()) == 2;
  const Tensor wide = narrow_type ? cast(x, DType::kFloat32) : x;
  const Tensor rstd = rsqrt(affine(mean(square(wide), last, kKeepDim), 1, eps.value_or(epsilon(x.dtype()))));
  Tensor y = mul(wide, rstd);
  if (weight.defined()) y = mul(y, weight);
  return y.dtype() == x.dtype() ? y : cast(y, x.dtype());
}

Tensor local_response_norm(const Tensor& x, int64_t size, double alpha, double beta, double k) {
  if (x.rank() < 3) {
    fail(ErrorKind::kShape, "local_response_norm expects input [N, C, ...] of rank 3 or more, got {}",
         shape_text(x.shape()));
  }
  constexpr int64_t kLargest = int64_t{1} << 30;
  if (size < 1 || size > kLargest) {
    fail(ErrorKind::kShape, "local_response_norm: size must be from 1 to {}, got {}", kLargest, size);
  }
  if (!is_floating(x.dtype())) {
    fail(ErrorKind::kDtype, "local_response_norm expects a floating dtype, got {}", dtype_name(x.dtype()));
  }
  if (x.numel() == 0) return affine(x, 1, 0);
  // Pooling along the channels: they become space, and space becomes the channels, without moving anything.
  const Tensor squares = flatten(square(contiguous(x)), 2);
  const Tensor padded = transpose(pad(squares, {0, 0, size / 2, (size - 1) / 2}), 1, 2);
  const Tensor means = reshape(transpose(avg_pool(padded, PoolAttrs{{size}, {1}, {}, {}}), 1, 2), x.shape());
  return div(x, pow(affine(means, alpha, k), beta));
}

}  // namespace dlb
