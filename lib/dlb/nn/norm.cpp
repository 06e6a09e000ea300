#include "dlb/nn/norm.h"

#include "dlb/nn/activation.h"
#include "dlb/nn/init.h"
#include "dlb/ops/binary.h"
#include "dlb/ops/norm.h"
#include "dlb/ops/unary.h"

namespace dlb::nn {

Fields ChannelNorm::fields() {
  static const Field list[] = {
      field<&ChannelNorm::eps>("eps", "added to the variance", positive()),
      field<&ChannelNorm::momentum>("momentum", "weight of the newest batch in the running statistics",
                                    between(0, 1)),
      field<&ChannelNorm::affine>("affine", "learn a scale and a shift for each channel"),
      field<&ChannelNorm::track_running_stats>("track_running_stats",
                                               "keep running statistics and use them outside training"),
  };
  return list;
}

void ChannelNorm::declare(Build& b) {
  const Shape channels = {b.input().dim(1)};
  if (affine) {
    weight_ = b.parameter("weight", channels, constant_init(1));
    bias_ = b.parameter("bias", channels, constant_init(0));
  }
  if (track_running_stats) {
    running_mean_ = b.buffer("running_mean", channels, 0);
    running_var_ = b.buffer("running_var", channels, 1);
  }
}

void BatchNorm::build(Build& b) {
  b.expect(b.input().rank() >= 2, "batch_norm", "[N, C, ...]");
  declare(b);
}

Tensor BatchNorm::forward(Context& c, const Tensor& x) {
  if (!c.training && track_running_stats) {
    const Tensor y = batch_norm_eval(x, running_mean_, running_var_, weight_, bias_, eps);
    return relu_ ? relu(y) : y;
  }
  int64_t count = x.dim(0);
  for (int i = 2; i < x.rank(); ++i) count *= x.dim(i);
  if (count == 1 && c.training) {
    fail(ErrorKind::kShape, "batch_norm needs more than one value per channel while training, got input {}",
         shape_text(x.shape()));
  }
  BatchNormResult r = batch_norm_train(x, weight_, bias_, eps, relu_);
  if (c.training && track_running_stats && !r.mean.is_meta()) track(r.mean, r.var, count);
  return std::move(r.y);
}

bool BatchNorm::absorb(const Layer& next) {
  if (dynamic_cast<const Relu*>(&next) == nullptr) return false;
  relu_ = true;
  return true;
}

void BatchNorm::track(const Tensor& mean, const Tensor& var, int64_t count) const {
  if (count == 0) return;
  const NoGrad no_grad;
  const auto n = static_cast<double>(count);
  running_mean_.assign(running_mean_ * (1 - momentum) + mean.detach() * momentum);
  running_var_.assign(running_var_ * (1 - momentum) + var.detach() * (momentum * n / (n - 1)));
}

Fields LayerNorm::fields() {
  static const Field list[] = {
      field<&LayerNorm::eps>("eps", "added to the variance", positive()),
      field<&LayerNorm::dims>("dims", "number of last dimensions to normalise over", positive()),
      field<&LayerNorm::affine>("affine", "learn a scale and a shift for each element"),
      field<&LayerNorm::bias>("bias", "with `affine`: learn the shift as well"),
  };
  return list;
}

void LayerNorm::build(Build& b) {
  const int rank = b.input().rank();
  if (dims > rank) {
    fail(ErrorKind::kShape, "layer_norm over the last {} dimensions got input {}", dims,
         shape_text(b.input().shape));
  }
  if (!affine) return;
  Shape shape;
  for (int64_t i = rank - dims; i < rank; ++i) shape.push_back(b.input().dim(i));
  weight_ = b.parameter("weight", shape, constant_init(1));
  if (bias) bias_ = b.parameter("bias", shape, constant_init(0));
}

Tensor LayerNorm::forward(Context& /*c*/, const Tensor& x) {
  return layer_norm(x, dims, weight_, bias_, eps);
}

Fields GroupNorm::fields() {
  static const Field list[] = {
      required<&GroupNorm::groups>("groups", "number of channel groups", positive()),
      field<&GroupNorm::eps>("eps", "added to the variance", positive()),
      field<&GroupNorm::affine>("affine", "learn a scale and a shift for each channel"),
  };
  return list;
}

void GroupNorm::build(Build& b) {
  b.expect(b.input().rank() >= 2, "group_norm", "[N, C, ...]");
  const int64_t channels = b.input().dim(1);
  if (channels % groups != 0) {
    fail(ErrorKind::kShape, "group_norm with groups {} needs channels divisible by it, got {}", groups,
         channels);
  }
  if (!affine) return;
  weight_ = b.parameter("weight", {channels}, constant_init(1));
  bias_ = b.parameter("bias", {channels}, constant_init(0));
}

Tensor GroupNorm::forward(Context& /*c*/, const Tensor& x) {
  return group_norm(x, groups, weight_, bias_, eps);
}

void InstanceNorm::build(Build& b) {
  b.expect(b.input().rank() >= 3, "instance_norm", "[N, C, spatial...]");
  declare(b);
}

Tensor InstanceNorm::forward(Context& c, const Tensor& x) {
  const bool from_input = c.training || !track_running_stats;
  // Shapes alone must not move the statistics.
  const bool track = track_running_stats && !(c.training && x.is_meta());
  return instance_norm(x, track ? running_mean_ : Tensor{}, track ? running_var_ : Tensor{}, weight_, bias_,
                       from_input, momentum, eps);
}

Fields RmsNorm::fields() {
  static const Field list[] = {
      field<&RmsNorm::eps>("eps", "added to the mean square; the dtype's precision when not given",
                           positive()),
      field<&RmsNorm::dims>("dims", "number of last dimensions to normalise over", positive()),
      field<&RmsNorm::affine>("affine", "learn a scale for each element"),
  };
  return list;
}

void RmsNorm::build(Build& b) {
  const int rank = b.input().rank();
  if (dims > rank) {
    fail(ErrorKind::kShape, "rms_norm over the last {} dimensions got input {}", dims,
         shape_text(b.input().shape));
  }
  if (!affine) return;
  Shape shape;
  for (int64_t i = rank - dims; i < rank; ++i) shape.push_back(b.input().dim(i));
  weight_ = b.parameter("weight", shape, constant_init(1));
}

Tensor RmsNorm::forward(Context& /*c*/, const Tensor& x) { return rms_norm(x, dims, weight_, eps); }

Fields LocalResponseNorm::fields() {
  static const Field list[] = {
      field<&LocalResponseNorm::size>("size", "number of neighbouring channels", positive()),
      field<&LocalResponseNorm::alpha>("alpha", "factor of the mean square"),
      field<&LocalResponseNorm::beta>("beta", "exponent"),
      field<&LocalResponseNorm::k>("k", "added before the exponent"),
  };
  return list;
}

void LocalResponseNorm::build(Build& b) {
  b.expect(b.input().rank() >= 3, "local_response_norm", "[N, C, spatial...]");
}

Tensor LocalResponseNorm::forward(Context& /*c*/, const Tensor& x) {
  return local_response_norm(x, size, alpha, beta, k);
}

}  // namespace dlb::nn
