#pragma once
/// \file Convolution layers.

#include "dlb/config/node.h"
#include "dlb/nn/layer.h"
#include "dlb/nn/parametrization.h"
#include "dlb/ops/conv.h"

namespace dlb::nn {

/// What convolutions over 1 to 3 dimensions share. Shapes: weight [out, C/groups, *kernel], bias [out]; see
/// ops/conv.h for the formula.
struct ConvBase : Layer {
  int64_t out = 0;
  std::vector<int64_t> kernel;
  std::vector<int64_t> stride = {1};
  config::Node padding = config::Node::integer(0);  ///< number, one per dimension, "same" or "valid"
  std::vector<int64_t> dilation = {1};
  int64_t groups = 1;
  bool bias = true;
  std::string init = "default";
  double init_std = 0.02;
  std::string bias_init = "default";
  std::string parametrization = "none";

  Tensor forward(Context& c, const Tensor& x) override;
  bool absorb(const Layer& next) override;

 protected:
  void build_spatial(Build& b, size_t spatial, std::string_view name, std::string_view form);

 private:
  ConvAttrs attrs_;
  Weight weight_;
  Tensor bias_;
};

/// Convolution over one dimension. Shapes: [N, C, L] -> [N, out, L'].
struct Conv1d : ConvBase {
  static Fields fields();
  void build(Build& b) override { build_spatial(b, 1, "conv1d", "[N, C, L]"); }
};

/// Convolution over two dimensions. Shapes: [N, C, H, W] -> [N, out, H', W'].
struct Conv2d : ConvBase {
  static Fields fields();
  void build(Build& b) override { build_spatial(b, 2, "conv2d", "[N, C, H, W]"); }
};

/// Convolution over three dimensions. Shapes: [N, C, D, H, W] -> [N, out, D', H', W'].
struct Conv3d : ConvBase {
  static Fields fields();
  void build(Build& b) override { build_spatial(b, 3, "conv3d", "[N, C, D, H, W]"); }
};

/// What transposed convolutions share. Shapes: weight [C, out/groups, *kernel], bias [out]; see ops/conv.h
/// for the formula.
struct ConvTransposeBase : Layer {
  int64_t out = 0;
  std::vector<int64_t> kernel;
  std::vector<int64_t> stride = {1};
  std::vector<int64_t> padding = {0};
  std::vector<int64_t> output_padding = {0};
  std::vector<int64_t> dilation = {1};
  int64_t groups = 1;
  bool bias = true;

  Tensor forward(Context& c, const Tensor& x) override;

 protected:
  void build_spatial(Build& b, size_t spatial, std::string_view name, std::string_view form);

 private:
  ConvTransposeAttrs attrs_;
  Tensor weight_, bias_;
};

struct ConvTranspose1d : ConvTransposeBase {
  static Fields fields();
  void build(Build& b) override { build_spatial(b, 1, "conv_transpose1d", "[N, C, L]"); }
};
struct ConvTranspose2d : ConvTransposeBase {
  static Fields fields();
  void build(Build& b) override { build_spatial(b, 2, "conv_transpose2d", "[N, C, H, W]"); }
};
struct ConvTranspose3d : ConvTransposeBase {
  static Fields fields();
  void build(Build& b) override { build_spatial(b, 3, "conv_transpose3d", "[N, C, D, H, W]"); }
};

}  // namespace dlb::nn
