#pragma once
/// \file Normalisation layers: y = (x - mean) / sqrt(var + eps) * weight + bias.

#include "dlb/nn/layer.h"

namespace dlb::nn {

/// What normalisations of channels have in common: a scale and a shift, and running statistics, per channel.
struct ChannelNorm : Layer {
  double eps = 1e-5;
  double momentum = 0.1;
  bool affine = true;
  bool track_running_stats = true;
  static Fields fields();

 protected:
  void declare(Build& b);
  Tensor weight_, bias_, running_mean_, running_var_;
};

/// Batch normalisation: statistics per channel over the batch and space while training, running ones
/// otherwise.
///   running <- (1 - momentum) running + momentum batch, with the sample variance (n - 1), as in PyTorch
/// Shapes: [N, C, *] -> same; weight, bias, running_mean, running_var [C].
/// Errors: shape when a channel has a single value while training.
/// **Source**: Ioffe & Szegedy, "Batch Normalization", ICML 2015.
struct BatchNorm : ChannelNorm {
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
  bool absorb(const Layer& next) override;

 private:
  bool relu_ = false;  // absorbed
  void track(const Tensor& mean, const Tensor& var, int64_t count) const;
};

/// Over the last `dims` dimensions of each sample. Shapes: [*, D...] -> same; weight, bias [D...].
/// **Source**: Ba, Kiros & Hinton, "Layer Normalization", 2016.
struct LayerNorm : Layer {
  double eps = 1e-5;
  int64_t dims = 1;
  bool affine = true;
  bool bias = true;
  static Fields fields();

  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;

 private:
  Tensor weight_, bias_;
};

/// Over groups of channels and space of each sample. Shapes: [N, C, *] -> same; weight, bias [C].
/// **Source**: Wu & He, "Group Normalization", ECCV 2018.
struct GroupNorm : Layer {
  int64_t groups = 1;
  double eps = 1e-5;
  bool affine = true;
  static Fields fields();

  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;

 private:
  Tensor weight_, bias_;
};

/// Over space for each channel of each sample. Shapes: [N, C, *] -> same; weight, bias, running_mean,
/// running_var [C]. **Source**: Ulyanov et al., "Instance Normalization", 2016.
struct InstanceNorm : ChannelNorm {
  InstanceNorm() { affine = track_running_stats = false; }

  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// x / sqrt(mean(x^2) + eps) weight over the last `dims` dimensions. Shapes: [*, D...] -> same; weight
/// [D...].
/// **Source**: Zhang & Sennrich, "Root mean square layer normalization", 2019.
struct RmsNorm : Layer {
  std::optional<double> eps;
  int64_t dims = 1;
  bool affine = true;
  static Fields fields();

  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;

 private:
  Tensor weight_;
};

/// x / (k + alpha mean of x^2 over `size` neighbouring channels)^beta. Shapes: [N, C, *] -> same.
/// **Source**: Krizhevsky et al., "ImageNet classification with deep convolutional networks", 2012.
struct LocalResponseNorm : Layer {
  int64_t size = 5;
  double alpha = 1e-4;
  double beta = 0.75;
  double k = 1;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

}  // namespace dlb::nn
