#pragma once
/// \file Pooling layers over 1 or 2 spatial dimensions. Shapes: [N, C, *spatial] -> [N, C, *out] unless
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
  Tensor forward(Context&, const Tensor& x) override { return max_pool(x, attrs_); }

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

/// Mean over all spatial dimensions. Shapes: [N, C, *spatial] -> [N, C].
struct GlobalAvgPool : Layer {
  static Fields fields() { return {}; }
  void build(Build& b) override;
  Tensor forward(Context& c, const Tensor& x) override;
};

}  // namespace dlb::nn
