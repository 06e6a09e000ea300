#pragma once
/// \file Pooling layers over 1 to 3 spatial dimensions. Shapes: [N, C, *spatial] -> [N, C, *out] unless
/// noted.

#include "dlb/nn/layer.h"
#include "dlb/ops/pool.h"

namespace dlb::nn {

/// Options of pooling with a moving window; `stride` empty means the kernel's size.
struct PoolBase : Layer {
  std::vector<int64_t> kernel;
  std::vector<int64_t> stride;
  std::vector<int64_t> padding = {0};
  bool ceil_mode = false;

 protected:
  void build_window(Build& b, size_t spatial, std::string_view name);
  PoolAttrs attrs_;
};

/// Largest value in each window.
struct MaxPoolBase : PoolBase {
  std::vector<int64_t> dilation = {1};
  bool return_indices = false;  ///< a second output: where the values were, for max_unpool
  Outputs run(Context& c, Inputs inputs) override;

 protected:
  void build_max(Build& b, size_t spatial, std::string_view name);
};
struct MaxPool1d : MaxPoolBase {
  static Fields fields();
  void build(Build& b) override { build_max(b, 1, "max_pool1d"); }
};
struct MaxPool2d : MaxPoolBase {
  static Fields fields();
  void build(Build& b) override { build_max(b, 2, "max_pool2d"); }
};
struct MaxPool3d : MaxPoolBase {
  static Fields fields();
  void build(Build& b) override { build_max(b, 3, "max_pool3d"); }
};

/// Mean of each window.
struct AvgPoolBase : PoolBase {
  bool count_include_pad = true;
  Tensor forward(Context&, const Tensor& x) override { return avg_pool(x, attrs_); }

 protected:
  void build_avg(Build& b, size_t spatial, std::string_view name);
};
struct AvgPool1d : AvgPoolBase {
  static Fields fields();
  void build(Build& b) override { build_avg(b, 1, "avg_pool1d"); }
};
struct AvgPool2d : AvgPoolBase {
  static Fields fields();
  void build(Build& b) override { build_avg(b, 2, "avg_pool2d"); }
};
struct AvgPool3d : AvgPoolBase {
  static Fields fields();
  void build(Build& b) override { build_avg(b, 3, "avg_pool3d"); }
};

/// Pooling to a given output size: see ops/pool.h for the windows.
struct AdaptivePoolBase : Layer {
  std::vector<int64_t> output;

 protected:
  void build_adaptive(Build& b, size_t spatial, std::string_view name);
  Dims size_;
};
struct AdaptiveAvgPool1d : AdaptivePoolBase {
  static Fields fields();
  void build(Build& b) override { build_adaptive(b, 1, "adaptive_avg_pool1d"); }
  Tensor forward(Context&, const Tensor& x) override { return adaptive_avg_pool(x, size_); }
};
struct AdaptiveAvgPool2d : AdaptivePoolBase {
  static Fields fields();
  void build(Build& b) override { build_adaptive(b, 2, "adaptive_avg_pool2d"); }
  Tensor forward(Context&, const Tensor& x) override { return adaptive_avg_pool(x, size_); }
};
struct AdaptiveAvgPool3d : AdaptivePoolBase {
  static Fields fields();
  void build(Build& b) override { build_adaptive(b, 3, "adaptive_avg_pool3d"); }
  Tensor forward(Context&, const Tensor& x) override { return adaptive_avg_pool(x, size_); }
};
struct AdaptiveMaxPool1d : AdaptivePoolBase {
  static Fields fields();
  void build(Build& b) override { build_adaptive(b, 1, "adaptive_max_pool1d"); }
  Tensor forward(Context&, const Tensor& x) override { return adaptive_max_pool(x, size_); }
};
struct AdaptiveMaxPool2d : AdaptivePoolBase {
  static Fields fields();
  void build(Build& b) override { build_adaptive(b, 2, "adaptive_max_pool2d"); }
  Tensor forward(Context&, const Tensor& x) override { return adaptive_max_pool(x, size_); }
};
struct AdaptiveMaxPool3d : AdaptivePoolBase {
  static Fields fields();
  void build(Build& b) override { build_adaptive(b, 3, "adaptive_max_pool3d"); }
  Tensor forward(Context&, const Tensor& x) override { return adaptive_max_pool(x, size_); }
};

/// Mean over all spatial dimensions. Shapes: [N, C, *spatial] -> [N, C].
struct GlobalAvgPool : Layer {
  static Fields fields() { return {}; }
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// Largest value over all spatial dimensions. Shapes: [N, C, *spatial] -> [N, C].
struct GlobalMaxPool : Layer {
  static Fields fields() { return {}; }
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

/// (sum of x^p over each window)^(1/p).
struct LpPoolBase : Layer {
  double p = 2;
  std::vector<int64_t> kernel;
  std::vector<int64_t> stride;
  bool ceil_mode = false;
  Tensor forward(Context& c, const Tensor& x) override;

 protected:
  void build_lp(Build& b, size_t spatial, std::string_view name);

 private:
  PoolAttrs attrs_;
};
struct LpPool1d : LpPoolBase {
  static Fields fields();
  void build(Build& b) override { build_lp(b, 1, "lp_pool1d"); }
};
struct LpPool2d : LpPoolBase {
  static Fields fields();
  void build(Build& b) override { build_lp(b, 2, "lp_pool2d"); }
};
struct LpPool3d : LpPoolBase {
  static Fields fields();
  void build(Build& b) override { build_lp(b, 3, "lp_pool3d"); }
};

/// Largest value in windows at random distances: see ops/fractional_pool.h.
struct FractionalMaxPoolBase : Layer {
  std::vector<int64_t> kernel;
  std::vector<int64_t> output;
  std::vector<double> ratio;
  Tensor forward(Context& c, const Tensor& x) override;

 protected:
  void build_fractional(Build& b, size_t spatial, std::string_view name);

 private:
  Dims window_, size_;
};
struct FractionalMaxPool2d : FractionalMaxPoolBase {
  static Fields fields();
  void build(Build& b) override { build_fractional(b, 2, "fractional_max_pool2d"); }
};
struct FractionalMaxPool3d : FractionalMaxPoolBase {
  static Fields fields();
  void build(Build& b) override { build_fractional(b, 3, "fractional_max_pool3d"); }
};

/// Values put back to where max pooling found them, 0 elsewhere. Inputs: x and the indices of max_pool with
/// `return_indices`. Shapes: [N, C, *] twice -> [N, C, *output].
struct MaxUnpoolBase : Layer {
  std::vector<int64_t> kernel;
  std::vector<int64_t> stride;
  std::vector<int64_t> padding = {0};
  std::vector<int64_t> output;
  std::pair<int, int> inputs_allowed() const override { return {2, 2}; }
  Outputs run(Context& c, Inputs inputs) override;

 protected:
  void build_unpool(Build& b, size_t spatial, std::string_view name);

 private:
  PoolAttrs attrs_;
  Dims size_;
};
struct MaxUnpool1d : MaxUnpoolBase {
  static Fields fields();
  void build(Build& b) override { build_unpool(b, 1, "max_unpool1d"); }
};
struct MaxUnpool2d : MaxUnpoolBase {
  static Fields fields();
  void build(Build& b) override { build_unpool(b, 2, "max_unpool2d"); }
};
struct MaxUnpool3d : MaxUnpoolBase {
  static Fields fields();
  void build(Build& b) override { build_unpool(b, 3, "max_unpool3d"); }
};

/// The steps of each sequence joined, those beyond its length left out. Shapes: x [N, T, *], lengths [N] ->
/// [N, *]. Errors: data for a length outside 1 to T.
struct SequencePool : Layer {
  std::string reduce = "mean";
  static Fields fields();
  std::span<const std::string_view> input_names() const override;
  std::pair<int, int> inputs_allowed() const override { return {1, 2}; }
  void build(Build& b) override;
  Outputs run(Context& c, Inputs inputs) override;
};

}  // namespace dlb::nn
