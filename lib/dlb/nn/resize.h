#pragma once
/// \file Layers that pad, resize, cut up or sample images and other tensors [N, C, *spatial].

#include "dlb/nn/layer.h"
#include "dlb/ops/fold.h"

namespace dlb::nn {

/// Elements added at the borders of the last dimensions, or removed where amounts are negative: pairs
/// (before, after) from the last dimension backwards, as in PyTorch; one number stands for both sides of each
/// spatial dimension.
struct Pad : Layer {
  std::vector<int64_t> padding;
  std::string mode = "constant";
  double value = 0;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;

 private:
  Dims amounts_;
};

/// Resamples the spatial dimensions, to `size`, by `scale`, or to the size of a second input. Shapes: [N, C,
/// *spatial] -> [N, C, *size]; positions as in ops/interpolate.h.
struct Upsample : Layer {
  std::vector<double> scale;
  std::vector<int64_t> size;
  std::string mode = "nearest";
  bool align_corners = false;
  bool antialias = false;
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {1, 2}; }
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;
};

/// Shapes: [N, C r^2, H, W] -> [N, C, H r, W r].
struct PixelShuffle : Layer {
  int64_t factor = 2;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// Shapes: [N, C, H r, W r] -> [N, C r^2, H, W].
struct PixelUnshuffle : Layer {
  int64_t factor = 2;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// Channel i of group g goes to place i groups + g. Shapes: [N, C, *] -> same.
struct ChannelShuffle : Layer {
  int64_t groups = 1;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// What sliding windows over images have in common.
struct WindowsBase : Layer {
  std::vector<int64_t> kernel;
  std::vector<int64_t> stride = {1};
  std::vector<int64_t> padding = {0};
  std::vector<int64_t> dilation = {1};

 protected:
  WindowAttrs windows(std::string_view layer) const;
  WindowAttrs attrs_;
};

/// Windows as columns. Shapes: [N, C, H, W] -> [N, C KH KW, L].
struct Unfold : WindowsBase {
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// Columns added where their windows lie. Shapes: [N, C KH KW, L] -> [N, C, *output].
struct FoldWindows : WindowsBase {
  std::vector<int64_t> output;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;

 private:
  Dims size_;
};

/// An image interpolated at the points of a grid: see ops/grid_sample.h. Inputs: x, grid.
struct GridSample : Layer {
  std::string mode = "bilinear";
  std::string padding = "zeros";
  bool align_corners = false;
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {2, 2}; }
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;
};

/// The grid of affine maps for images of the second input's size. Shapes: theta [N, 2, 3] (or [N, 6]) and
/// like [N, C, H, W] -> [N, H, W, 2].
struct AffineGrid : Layer {
  bool align_corners = false;
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {2, 2}; }
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;
};

/// Square patches of an image, each as a vector: a convolution whose stride is its kernel. Shapes: [N, C, H,
/// W] -> [N, H W / patch^2, dim]; proj.weight [dim, C, patch, patch], proj.bias [dim].
struct PatchEmbedding : Layer {
  int64_t dim = 0;
  std::vector<int64_t> patch;
  bool bias = true;
  static Fields fields();
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;

 private:
  Dims window_;
  Tensor weight_, bias_;
};

}  // namespace dlb::nn
